// A load for irqsoff=on: many threads, all in one futex's queue, all asleep until one moment, all waiting
// for a child; woken and requeued by one call each; and their process's ends. The argument: how many.

#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "ktap.h"

enum {
    STACK = 4096,
    FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
};

static long threads;
static int words[3]; /* what is waited for, phase by phase */
static int arrived, last_tid;
static struct timespec deadline;

static void wait_at(int *word)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    sys(futex, word, FUTEX_WAIT_PRIVATE, 0, NULL);
}

static int thread_main(void *unused)
{
    (void)unused;
    wait_at(&words[0]);
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    sys(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    sys(wait4, -1, NULL, 0, NULL);
    for (;;)
        wait_at(&words[2]);
    return 0;
}

static void sleep_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    sys(nanosleep, &time, NULL);
}

/* Until so many have passed, and gone to sleep. */
static void await(long passed)
{
    while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < passed)
        sleep_ms(1);
    sleep_ms(100);
}

static bool start(int (*function)(void *))
{
    char *stacks = mmap(NULL, (size_t)threads * STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (long i = 0; i < threads; i++)
        if ((last_tid = clone(function, stacks + (i + 1) * STACK, FLAGS, NULL)) < 0)
            return false;
    return true;
}

static int wait_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        wait_at(&words[2]);
    return 0;
}

/* A process with so many threads, which ends by exec. */
static void end_by_exec(char *path)
{
    char *const argv[] = {path, "0", NULL};

    if (start(wait_for_ever)) {
        await(threads);
        sys(execve, path, argv, argv + 2);
    }
    sys(exit_group, 1);
}

int main(int argc, char *argv[])
{
    int status = 1;

    threads = argc > 1 ? atol(argv[1]) : 10000;
    if (threads == 0)
        return 0;
    plan(7);
    ok(start(thread_main), "the threads are there");
    await(threads);
    is(sys(futex, &words[0], FUTEX_CMP_REQUEUE_PRIVATE, 0, INT_MAX, &words[1], 0), threads,
       "all are requeued at once");
    sys(clock_gettime, CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += 5;
    is(sys(futex, &words[1], FUTEX_WAKE_PRIVATE, INT_MAX), threads, "and woken at once");
    await(2 * threads);

    long child = sys(fork);
    if (child == 0) /* while they sleep, so that it has no more threads than one */
        for (;;)
            sys(pause);
    await(3 * threads);
    is(sys(sched_setaffinity, last_tid, sizeof(long), &(long){1}), 0, "the last is moved");
    const long pid = sys(getpid);
    is(sys(tgkill, pid, last_tid, 0), 0, "and found");
    sys(kill, child, SIGKILL);
    await(4 * threads);

    child = sys(fork);
    if (child == 0) {
        words[2] = arrived = 0;
        end_by_exec(argv[0]);
    }
    /* (threads of ours woke by its end are none: they wait at the word) */
    ok(sys(wait4, child, &status, 0, NULL) == child && status == 0, "so many end by exec");
    child = sys(fork);
    if (child == 0) {
        arrived = 0;
        start(wait_for_ever);
        for (;;)
            sys(pause);
    }
    sleep_ms(5000);
    sys(kill, child, SIGKILL);
    ok(sys(wait4, child, &status, 0, NULL) == child && status == SIGKILL, "so many end by a kill");
    sys(exit_group, done());
}
