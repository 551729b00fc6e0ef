/* The system-call table. */

#include "sys/table.h"
#include "cpu/cpu.h"
#include "dev/console.h"
#include "task/process.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/unistd_64.h>
#include <stdatomic.h>

/* The doors call through this from assembly, with the arguments where C expects them; each call
 * takes as many of the six as its declaration says. */
typedef void (*call_entry)(void);

#pragma GCC diagnostic ignored "-Woverride-init" /* a default for all, then the calls that exist */
#define CALL(name)       [__NR_##name] = (call_entry)sys_##name
#define CALL_AS(name, f) [__NR_##name] = (call_entry)(f)

extern const call_entry syscall_table[SYSCALL_COUNT];
const call_entry syscall_table[SYSCALL_COUNT] = {
    [0 ... SYSCALL_COUNT - 1] = (call_entry)sys_unimplemented,
    CALL(read),
    CALL(write),
    CALL(open),
    CALL(close),
    CALL(stat),
    CALL(fstat),
    CALL(lstat),
    CALL(lseek),
    CALL(mmap),
    CALL(mprotect),
    CALL(munmap),
    CALL(brk),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(ioctl),
    CALL(pread64),
    CALL(readv),
    CALL(writev),
    CALL(access),
    CALL(sched_yield),
    CALL(mremap),
    CALL(madvise),
    CALL(pause),
    CALL(nanosleep),
    CALL(getpid),
    CALL(clone),
    CALL(fork),
    CALL(vfork),
    CALL(execve),
    CALL(exit),
    CALL(wait4),
    CALL(kill),
    CALL(uname),
    CALL(fcntl),
    CALL(getcwd),
    CALL(readlink),
    CALL(gettimeofday),
    CALL(sysinfo),
    CALL_AS(getuid, sys_zero_id),
    CALL_AS(getgid, sys_zero_id),
    CALL_AS(geteuid, sys_zero_id),
    CALL_AS(getegid, sys_zero_id),
    CALL(getppid),
    CALL(arch_prctl),
    CALL(reboot),
    CALL(gettid),
    CALL(tkill),
    CALL(time),
    CALL(futex),
    CALL(sched_setaffinity),
    CALL(sched_getaffinity),
    CALL(set_tid_address),
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(exit_group),
    CALL(tgkill),
    CALL(openat),
    CALL(newfstatat),
    CALL(readlinkat),
    CALL(set_robust_list),
    CALL(getcpu),
    CALL(prlimit64),
    CALL(getrandom),
    CALL(clone3),
};

static const char *const names[SYSCALL_COUNT] = {
#include "syscall_names.h"
};

const char *syscall_name(uint32_t number)
{
    return names[number] ? names[number] : "no such number";
}

static void log_unimplemented(uint32_t number, const char *name)
{
    klog("sys", "call %u (%s) is not implemented; first wanted by %s", number, name,
         this_cpu->current->process->name);
}

long sys_unimplemented(void)
{
    static _Atomic uint64_t logged[(SYSCALL_COUNT + 63) / 64];
    uint32_t number = (uint32_t)user_frame()->orig_rax;
    uint64_t mask = 1UL << number % 64;
    if (!(logged[number / 64] & mask) && !(atomic_fetch_or(&logged[number / 64], mask) & mask))
        log_unimplemented(number, syscall_name(number));
    return -ENOSYS;
}

long sys_beyond_table(void)
{
    static _Atomic bool logged; /* one line for all such numbers */
    if (!logged && !atomic_exchange(&logged, true))
        log_unimplemented((uint32_t)user_frame()->orig_rax, "no such number");
    return -ENOSYS;
}
