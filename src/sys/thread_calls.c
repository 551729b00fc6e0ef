/* Calls about the calling thread: who it is, where it runs, what the CPU keeps for it; and signals,
 * which are recorded, or end a process, but are not delivered to handlers. */

#include "cpu/features.h"
#include "cpu/regs.h"
#include "dev/log_limit.h"
#include "lib/string.h"
#include "sys/table.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/prctl.h>
#include <asm/signal.h>
#include <linux/futex.h>

#define AFFINITY_BYTES_MAX (THREAD_CPUS_MAX / 8)

long sys_getpid(void)
{
#ifdef FAULT_shared_line
    static volatile unsigned long calls;
    calls = calls + 1;
#endif
    return this_cpu->current->pid;
}

long sys_gettid(void)
{
    return this_cpu->current->tid;
}

long sys_getppid(void)
{
    spin_lock(&process_lock);
    const struct process *parent = this_cpu->current->process->parent;
    long pid = parent ? parent->pid : 0;
    spin_unlock(&process_lock);
    return pid;
}

long sys_zero_id(void)
{
    return 0;
}

long sys_sched_yield(void)
{
    sched_yield();
    return 0;
}

static long set_affinity(struct thread *thread, void *affinity)
{
    sched_set_affinity(thread, affinity);
    return 0;
}

long sys_sched_setaffinity(int tid, uint32_t size, user_addr_t mask)
{
    uint64_t affinity[AFFINITY_BYTES_MAX / 8] = {0}, any = 0;
    size_t bytes = affinity_words() * 8;
    if (copy_from_user(affinity, mask, size < bytes ? size : bytes))
        return -EFAULT;
    if (tid < 0)
        return -ESRCH;
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_block(i)->online)
            any |= affinity[i / 64] & 1UL << i % 64;
    if (!any)
        return -EINVAL;
    if (tid == 0) {
        sched_set_affinity(this_cpu->current, affinity);
        return 0;
    }
    return with_thread(-1, tid, set_affinity, affinity);
}

static long get_affinity(struct thread *thread, void *affinity)
{
    memcpy(affinity, thread->affinity, affinity_words() * 8);
    return 0;
}

long sys_sched_getaffinity(int tid, uint32_t size, user_addr_t mask)
{
    uint64_t affinity[AFFINITY_BYTES_MAX / 8];
    uint32_t bytes = (uint32_t)affinity_words() * 8;
    if (size < bytes || size % 8)
        return -EINVAL;
    long error = with_thread(-1, tid ? tid : this_cpu->current->tid, get_affinity, affinity);
    if (error)
        return error;
    for (unsigned i = 0; i < cpu_count; i++)
        if (!cpu_block(i)->online)
            affinity[i / 64] &= ~(1UL << i % 64);
    return copy_to_user(mask, affinity, bytes) ? -EFAULT : (long)bytes;
}

long sys_getcpu(user_addr_t cpu, user_addr_t node)
{
    const uint32_t index = this_cpu->index, zero = 0;
    if (cpu && copy_to_user(cpu, &index, sizeof(index)))
        return -EFAULT;
    return node ? copy_to_user(node, &zero, sizeof(zero)) : 0;
}

long sys_set_tid_address(user_addr_t address)
{
    this_cpu->current->clear_child_tid = address;
    return this_cpu->current->tid;
}

long sys_set_robust_list(user_addr_t head, size_t size)
{
    if (size != sizeof(struct robust_list_head))
        return -EINVAL;
    this_cpu->current->robust_list = head;
    return 0;
}

long sys_arch_prctl(int code, uint64_t address)
{
    uint64_t base;
    switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        if (address >= USER_END)
            return -EPERM;
        if (code == ARCH_SET_FS)
            set_user_fs_base(address);
        else
            set_user_gs_base(address);
        return 0;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
        base = code == ARCH_GET_FS ? user_fs_base() : user_gs_base();
        return copy_to_user(address, &base, sizeof(base));
    default:
        return -EINVAL;
    }
}

#define SIGNAL_BIT(n) (1UL << ((n)-1))
#define UNBLOCKABLE   (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

long sys_rt_sigaction(int signal, user_addr_t new, user_addr_t old, size_t size)
{
    struct signal_action action, previous;
    if (size != sizeof(uint64_t))
        return -EINVAL;
    if (new &&copy_from_user(&action, new, sizeof(action)))
        return -EFAULT;
    if (signal < 1 || signal > PROCESS_SIGNALS || (new && (signal == SIGKILL || signal == SIGSTOP)))
        return -EINVAL;
    spin_lock(&process_lock);
    struct signal_action *recorded = &this_cpu->current->process->actions[signal - 1];
    previous = *recorded;
    if (new) {
        *recorded = action;
        recorded->mask &= ~UNBLOCKABLE;
    }
    spin_unlock(&process_lock);
    return old ? copy_to_user(old, &previous, sizeof(previous)) : 0;
}

long sys_rt_sigprocmask(int how, user_addr_t new, user_addr_t old, size_t size)
{
    struct thread *thread = this_cpu->current;
    uint64_t mask = thread->signal_mask, set;
    if (size != sizeof(mask))
        return -EINVAL;
    if (new) {
        if (copy_from_user(&set, new, sizeof(set)))
            return -EFAULT;
        if (how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
            return -EINVAL;
        set &= ~UNBLOCKABLE;
        thread->signal_mask = how == SIG_BLOCK     ? mask | set
                              : how == SIG_UNBLOCK ? mask & ~set
                                                   : set;
    }
    return old ? copy_to_user(old, &mask, sizeof(mask)) : 0;
}

/* Until a signal ends the process: there is no handler to come back from. */
long sys_pause(void)
{
    sched_block(WAIT_RESULT, UINT64_MAX);
    return -EINTR;
}

/* What a signal does to a thread's process: nothing, or its end. A handler is not run, a process not
 * stopped: the sender is told so. */
static long signal_thread(struct thread *thread, void *context)
{
    const uint64_t ignored_by_default =
        SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT);
    const uint64_t stops =
        SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU);
    int signal = *(const int *)context;
    if (signal == 0)
        return 0;
    uint64_t handler = thread->process->actions[signal - 1].handler;
    bool by_default = handler == (uint64_t)SIG_DFL;
    if (handler == (uint64_t)SIG_IGN || (by_default && (ignored_by_default & SIGNAL_BIT(signal))))
        return 0;
    if (!by_default || (stops & SIGNAL_BIT(signal)))
        return -ENOSYS;
    process_exit_locked(thread->process, signal);
    return 0;
}

static long send_signal(int tgid, int tid, int signal)
{
    if (signal < 0 || signal > PROCESS_SIGNALS)
        return -EINVAL;
    long error = with_thread(tgid, tid, signal_thread, &signal);
    if (error == -ENOSYS)
        klog_limited(LOG_SIGNAL, "sys",
                     "%s: signal %d is not sent: handlers are not run, processes not stopped",
                     this_cpu->current->process->name, signal);
    return error;
}

long sys_tgkill(int tgid, int tid, int signal)
{
    return tgid <= 0 || tid <= 0 ? -EINVAL : send_signal(tgid, tid, signal);
}

long sys_tkill(int tid, int signal)
{
    return tid <= 0 ? -EINVAL : send_signal(-1, tid, signal);
}

long sys_kill(int pid, int signal)
{
    /* Process groups are not kept: every other form of pid names none that exists. */
    return pid <= 0 ? -ESRCH : send_signal(pid, 0, signal);
}
