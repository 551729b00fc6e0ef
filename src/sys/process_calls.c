/* Calls that make and end processes and threads, and those that describe the machine to them. */

#include "boot/banner.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/fpu.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/alloc_fail.h"
#include "mm/frames.h"
#include "mm/space.h"
#include "sys/table.h"
#include "task/exec.h"
#include "task/files.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include <linux/wait.h>

/* The flags of a thread as the C libraries make them, and of a process. */
#define CLONE_THREAD_NEEDS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define CLONE_KNOWN                                                                                \
    (CSIGNAL | CLONE_THREAD_NEEDS | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SETTLS |        \
     CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED |            \
     CLONE_VFORK | CLONE_UNTRACED | CLONE_CLEAR_SIGHAND)

static long do_clone(const struct clone_request *request)
{
    uint64_t flags = request->flags;
    if (flags & ~CLONE_KNOWN)
        return -EINVAL;
    if (((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) ||
        ((flags & CLONE_THREAD) && (flags & CLONE_THREAD_NEEDS) != CLONE_THREAD_NEEDS))
        return -EINVAL;
    /* A thread shares its process's descriptors whether it asks or not; another process cannot. */
    if ((flags & CLONE_SETTLS) && request->tls >= USER_END)
        return -EPERM;
    return process_clone(request);
}

long sys_clone(uint64_t flags, uint64_t stack, user_addr_t parent_tid, user_addr_t child_tid,
               uint64_t tls)
{
    const struct clone_request request = {.flags = (uint32_t)flags,
                                          .stack = stack,
                                          .tls = tls,
                                          .parent_tid = parent_tid,
                                          .child_tid = child_tid};
    return do_clone(&request);
}

long sys_clone3(user_addr_t user, size_t size)
{
    struct clone_args args = {0};
    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (copy_from_user(&args, user, size < sizeof(args) ? size : sizeof(args)))
        return -EFAULT;
    for (size_t at = sizeof(args); at < size; at++) { /* a later version's fields must be unused */
        uint8_t byte;
        if (copy_from_user(&byte, user + at, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    if ((args.flags & (CSIGNAL | CLONE_DETACHED)) || args.exit_signal > PROCESS_SIGNALS ||
        args.set_tid || args.set_tid_size || args.cgroup || !args.stack != !args.stack_size ||
        ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal))
        return -EINVAL;
    if (args.stack && !user_range_ok(args.stack, args.stack_size))
        return -EINVAL;
    const struct clone_request request = {.flags = args.flags,
                                          .stack = args.stack ? args.stack + args.stack_size : 0,
                                          .tls = args.tls,
                                          .parent_tid = args.parent_tid,
                                          .child_tid = args.child_tid};
    return do_clone(&request);
}

long sys_fork(void)
{
    const struct clone_request request = {.flags = SIGCHLD};
    return process_clone(&request);
}

long sys_vfork(void)
{
    const struct clone_request request = {.flags = CLONE_VM | CLONE_VFORK | SIGCHLD};
    return process_clone(&request);
}

long sys_execve(user_addr_t user_path, user_addr_t user_argv, user_addr_t user_envp)
{
    char path[PATH_SIZE];
    int64_t length = copy_string_from_user(path, user_path, sizeof(path));
    if (length < 0)
        return length;
    const struct exec_strings argv = {.user = user_argv}, envp = {.user = user_envp};
    alloc_fail_exec(this_cpu->current->process);
    return exec(path, &argv, &envp);
}

long sys_exit(int status)
{
    struct thread *thread = this_cpu->current;
    thread->ending = true;
    if (thread->tid == thread->pid) { /* counts when no thread says otherwise by exit_group */
        spin_lock(&process_lock);
        if (!thread->process->exiting)
            thread->process->wait_status = (status & 0xff) << 8;
        spin_unlock(&process_lock);
    }
    this_cpu->work |= WORK_THREAD;
    return 0;
}

long sys_exit_group(int status)
{
    process_exit(this_cpu->current->process, (status & 0xff) << 8);
    return 0;
}

long sys_wait4(int pid, user_addr_t user_status, int options, user_addr_t usage)
{
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    if (pid == 0 || pid < -1) /* process groups are not kept: all are in one */
        pid = -1;
    int status;
    long child = process_wait(pid, (uint32_t)options, &status);
    if (child <= 0)
        return child;
    if (user_status && copy_to_user(user_status, &status, sizeof(status)))
        return -EFAULT;
    if (usage && clear_user(usage, sizeof(struct rusage)))
        return -EFAULT;
    return child;
}

long sys_uname(user_addr_t out)
{
    struct new_utsname name = {
        .sysname = "Sallyport",
        .nodename = "sallyport",
        .release = "6.1.0-sallyport", /* the Linux ABI we follow: C libraries refuse older ones */
        .version = VERSION_LINE,
        .machine = "x86_64",
        .domainname = "(none)",
    };
    return copy_to_user(out, &name, sizeof(name));
}

long sys_sysinfo(user_addr_t out)
{
    struct sysinfo info = {
        .uptime = (long)(clock_boot_ns() / 1000000000),
        .totalram = frames_total() * PAGE_SIZE,
        .freeram = frames_free() * PAGE_SIZE,
        .procs = 1,
        .mem_unit = 1,
    };
#ifdef FAULT_alloc_fail
    info.bufferram = alloc_fail_count();
#endif
#ifdef FAULT_long_stretch
    for (unsigned long turns = 1000000; turns; turns--) /* two instructions each */
        __asm__ volatile("" : "+r"(turns));
#endif
#ifdef FAULT_wild_pointer
    *(volatile long *)0xffffb00000000000 = info.uptime;
#endif
#ifdef FAULT_deep_stack
    volatile char deep[CPU_STACK_SIZE + PAGE_SIZE / 4];
    deep[0] = 1;
    info.procs = (uint16_t)deep[0];
#endif
    return copy_to_user(out, &info, sizeof(info));
}

long sys_prlimit64(int pid, uint32_t resource, user_addr_t new, user_addr_t old)
{
    struct rlimit64 limit, current = {RLIM64_INFINITY, RLIM64_INFINITY};
    if (pid < 0 || (pid && pid != this_cpu->current->pid))
        return -ESRCH;
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    if (new &&copy_from_user(&limit, new, sizeof(limit)))
        return -EFAULT;
    if (new &&limit.rlim_cur > limit.rlim_max)
        return -EINVAL;
    if (new)
        return -EPERM; /* the limits are what they are */
    if (resource == RLIMIT_STACK)
        current.rlim_cur = 8UL << 20;
    else if (resource == RLIMIT_NOFILE)
        current.rlim_cur = current.rlim_max = PROCESS_FILES;
    return old ? copy_to_user(old, &current, sizeof(current)) : 0;
}
