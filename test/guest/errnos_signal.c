// What rt_sigaction, rt_sigprocmask and tgkill answer, to good input and bad: they record what
// they are told, whether or not a handler ever runs.

#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "pointers.h"

/* As the kernel knows it; libc's own struct sigaction is another. */
struct action {
    unsigned long handler, flags, restorer, mask;
};

#define BIT(signal) (1UL << ((signal)-1))
#define SAFE_FLAGS  (SA_RESTART | 0x04000000 /* SA_RESTORER */)

static void test_sigaction(void)
{
    struct action act = {0x1234, SAFE_FLAGS, 0x5678, ~0UL}, old = {0};
    const struct action ignore = {(unsigned long)SIG_IGN, 0, 0, 0};

    is(sys(rt_sigaction, SIGUSR1, &act, NULL, 8), 0, "rt_sigaction takes an action");
    is(sys(rt_sigaction, SIGUSR1, &ignore, &old, 8), 0, "rt_sigaction takes another");
    ok(old.handler == act.handler && old.flags == act.flags && old.restorer == act.restorer,
       "rt_sigaction gives the action before");
    is(old.mask, ~(BIT(SIGKILL) | BIT(SIGSTOP)), "no mask of an action holds SIGKILL or SIGSTOP");
    is(sys(rt_sigaction, SIGUSR1, NULL, &old, 8), 0, "rt_sigaction can ask without setting");
    is(old.handler, (long)SIG_IGN, "rt_sigaction gives what was set last");
    is(sys(rt_sigaction, 0, NULL, &old, 8), -EINVAL, "rt_sigaction of signal 0 is EINVAL");
    is(sys(rt_sigaction, -1, NULL, &old, 8), -EINVAL, "rt_sigaction of signal -1 is EINVAL");
    is(sys(rt_sigaction, 65, NULL, &old, 8), -EINVAL, "rt_sigaction of signal 65 is EINVAL");
    is(sys(rt_sigaction, 64, &ignore, NULL, 8), 0, "rt_sigaction of signal 64 succeeds");
    is(sys(rt_sigaction, SIGKILL, &ignore, NULL, 8), -EINVAL, "an action for SIGKILL is EINVAL");
    is(sys(rt_sigaction, SIGSTOP, &ignore, NULL, 8), -EINVAL, "an action for SIGSTOP is EINVAL");
    is(sys(rt_sigaction, SIGKILL, NULL, &old, 8), 0, "asking for SIGKILL's action succeeds");
    is(sys(rt_sigaction, SIGUSR1, NULL, NULL, 4), -EINVAL, "a mask of 4 bytes is EINVAL");
    is(sys(rt_sigaction, SIGUSR1, NULL, NULL, 16), -EINVAL, "a mask of 16 bytes is EINVAL");
    faults(sys(rt_sigaction, SIGUSR1, bad ? bad : (void *)1, NULL, 8),
           "rt_sigaction from a bad address is EFAULT");
    faults_on_write(sys(rt_sigaction, SIGUSR1, NULL, bad ? bad : (void *)1, 8),
                    "rt_sigaction into a bad address is EFAULT");
    is(sys(rt_sigaction, SIGUSR1, edge(31), NULL, 8), -EFAULT,
       "rt_sigaction from over an edge is EFAULT");
    sys(rt_sigaction, SIGUSR1, NULL, &old, 8);
    is(old.handler, (long)SIG_IGN, "a refused rt_sigaction changes nothing");
}

static void test_sigprocmask(void)
{
    unsigned long set = BIT(SIGUSR1), all = ~0UL, old = 0;

    is(sys(rt_sigprocmask, SIG_SETMASK, &set, NULL, 8), 0, "SIG_SETMASK takes a mask");
    set = BIT(SIGUSR2);
    is(sys(rt_sigprocmask, SIG_BLOCK, &set, &old, 8), 0, "SIG_BLOCK takes a mask");
    is(old, BIT(SIGUSR1), "rt_sigprocmask gives the mask before");
    sys(rt_sigprocmask, SIG_UNBLOCK, &(unsigned long){BIT(SIGUSR1)}, &old, 8);
    is(old, BIT(SIGUSR1) | BIT(SIGUSR2), "SIG_BLOCK adds to the mask");
    is(sys(rt_sigprocmask, 77, NULL, &old, 8), 0, "without a new mask, how does not matter");
    is(old, BIT(SIGUSR2), "SIG_UNBLOCK takes away from the mask");
    is(sys(rt_sigprocmask, SIG_SETMASK, &all, NULL, 8), 0, "all signals can be asked to block");
    sys(rt_sigprocmask, SIG_BLOCK, NULL, &old, 8);
    is(old, ~(BIT(SIGKILL) | BIT(SIGSTOP)), "SIGKILL and SIGSTOP stay open");
    sys(rt_sigprocmask, SIG_SETMASK, &set, NULL, 8);
    is(sys(rt_sigprocmask, 3, &all, NULL, 8), -EINVAL, "an unknown how is EINVAL");
    is(sys(rt_sigprocmask, -1, &all, NULL, 8), -EINVAL, "how -1 is EINVAL");
    is(sys(rt_sigprocmask, SIG_BLOCK, &all, NULL, 4), -EINVAL, "a set of 4 bytes is EINVAL");
    is(sys(rt_sigprocmask, SIG_BLOCK, &all, NULL, 128), -EINVAL, "a set of 128 bytes is EINVAL");
    faults(sys(rt_sigprocmask, SIG_BLOCK, bad ? bad : (void *)1, NULL, 8),
           "rt_sigprocmask from a bad address is EFAULT");
    faults_on_write(sys(rt_sigprocmask, SIG_BLOCK, NULL, bad ? bad : (void *)1, 8),
                    "rt_sigprocmask into a bad address is EFAULT");
    sys(rt_sigprocmask, SIG_BLOCK, NULL, &old, 8);
    is(old, BIT(SIGUSR2), "a refused rt_sigprocmask changes nothing");
}

static void test_tgkill(void)
{
    long pid = sys(getpid), tid = sys(gettid);

    is(tid, pid, "the first thread's id is the process's");
    is(sys(tgkill, pid, tid, 0), 0, "tgkill of signal 0 asks whether a thread is there");
    is(sys(tgkill, pid, tid, 65), -EINVAL, "tgkill of signal 65 is EINVAL");
    is(sys(tgkill, pid, tid, -1), -EINVAL, "tgkill of signal -1 is EINVAL");
    is(sys(tgkill, 0, tid, 0), -EINVAL, "tgkill in process 0 is EINVAL");
    is(sys(tgkill, -1, tid, 0), -EINVAL, "tgkill in process -1 is EINVAL");
    is(sys(tgkill, pid, 0, 0), -EINVAL, "tgkill of thread 0 is EINVAL");
    is(sys(tgkill, pid, -1, 0), -EINVAL, "tgkill of thread -1 is EINVAL");
    is(sys(tgkill, pid, 0x7fffffff, 0), -ESRCH, "tgkill of no thread is ESRCH");
    is(sys(tgkill, 0x7fffffff, tid, 0), -ESRCH, "tgkill in no process is ESRCH");
    is(sys(tgkill, pid, tid, SIGCHLD), 0, "tgkill of an ignored signal does nothing");
}

int main(void)
{
    make_bad_pointers();
    plan(45);
    test_sigaction();
    test_sigprocmask();
    test_tgkill();
    return done();
}
