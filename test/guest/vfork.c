// Who stands still until a child has ended or become another program: a process's child or a thread, and
// whatever the child starts meanwhile. Children share our memory, and tell by it what they have done.
// flags: -pthread

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

enum { SLEEPERS = 8 };

static char stacks[3][16384] __attribute__((aligned(16)));
static char sleeper_stacks[SLEEPERS][4096] __attribute__((aligned(16)));
static atomic_int last_words, inner_pid, sleepers, woken_early;
static const char *self;

static void sleep_ms(long ms)
{
    sys(nanosleep, (&(struct timespec){0, ms * 1000000}), NULL);
}

static long start(int stack, int (*body)(void *), int flags)
{
    return clone(body, stacks[stack] + sizeof(stacks[0]), flags, NULL);
}

static int speak_late(void *unused)
{
    (void)unused;
    sleep_ms(30);
    last_words++;
    sys(exit, 0);
    return 0;
}

static void test_thread(void)
{
    last_words = 0;
    ok(start(0, speak_late, THREAD | CLONE_VFORK) > 0, "a thread can be started as by vfork");
    is(last_words, 1, "who started it goes on when it has ended, and not before");
}

static int end_the_process(void *unused)
{
    (void)unused;
    sleep_ms(30);
    last_words++;
    sys(exit_group, 7);
    return 0;
}

/* Starts a thread as it was started itself; that ends the process of both. */
static int start_inner(void *unused)
{
    (void)unused;
    start(1, end_the_process, THREAD | CLONE_VFORK);
    last_words = 100;
    return 1;
}

static int start_inner_and_go_on(void *unused)
{
    (void)unused;
    start(1, speak_late, THREAD | CLONE_VFORK);
    last_words += 10;
    sleep_ms(30);
    last_words += 10;
    sys(exit_group, 8);
    return 0;
}

static void test_inner(void)
{
    int status = -1;
    long pid;

    last_words = 0;
    pid = start(0, start_inner, CLONE_VM | CLONE_VFORK | SIGCHLD);
    ok(pid > 0 && last_words == 1,
       "a child that is ended by a thread that it waits for is waited for");
    is(sys(wait4, pid, &status, 0, NULL), pid, "it can be waited for by wait4");
    is(status, 7 << 8, "with the status that its thread gave it");
    last_words = 0;
    pid = start(0, start_inner_and_go_on, CLONE_VM | CLONE_VFORK | SIGCHLD);
    ok(pid > 0 && last_words == 21, "a child is waited for also after its own thread has ended");
    is(sys(wait4, pid, &status, 0, NULL), pid, "it too can be waited for by wait4");
    is(status, 8 << 8, "with its own status");
}

static int exec_late(void *unused)
{
    (void)unused;
    sleep_ms(30);
    last_words++;
    execve(self, (char *[]){(char *)self, "exit", NULL}, (char *[]){NULL});
    last_words = 100;
    return 1;
}

static void test_exec(void)
{
    int status = -1;
    long pid;

    last_words = 0;
    pid = start(0, exec_late, CLONE_VM | CLONE_VFORK | SIGCHLD);
    is(last_words, 1, "who started a child goes on when it has become another program");
    is(sys(wait4, pid, &status, 0, NULL), pid, "the other program can be waited for");
    is(status, 9 << 8, "with the status that it gave itself");
}

static int sleep_long(void *unused)
{
    (void)unused;
    inner_pid = getpid();
    sleep_ms(200);
    last_words++;
    return 0;
}

static int wait_for_long(void *unused)
{
    (void)unused;
    start(1, sleep_long, CLONE_VM | CLONE_VFORK | SIGCHLD);
    last_words = 100;
    return 0;
}

/* A thread in the place, perhaps, of the one that was killed: it must not be woken for that one. */
static int sleep_longer(void *unused)
{
    struct timespec before, after;

    (void)unused;
    clock_gettime(CLOCK_MONOTONIC, &before);
    sleep_ms(400);
    clock_gettime(CLOCK_MONOTONIC, &after);
    woken_early +=
        (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec < 400000000;
    sleepers--;
    sys(exit, 0);
    return 0;
}

static void test_killed_waiter(void)
{
    int status = -1;
    long pid;

    inner_pid = last_words = 0;
    pid = start(0, wait_for_long, CLONE_VM | SIGCHLD);
    while (!inner_pid)
        sys(sched_yield);
    is(sys(kill, pid, SIGKILL), 0, "who waits in vfork can be killed");
    is(sys(wait4, pid, &status, 0, NULL), pid, "and ends, though the child does not");
    is(status, SIGKILL, "by that signal");
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers++;
        clone(sleep_longer, sleeper_stacks[i] + sizeof(sleeper_stacks[0]), THREAD, NULL);
    }
    while (last_words == 0 || sleepers > 0)
        sys(sched_yield);
    is(last_words, 1, "the child ends later");
    is(woken_early, 0, "and wakes nobody");
}

int main(int argc, char *argv[])
{
    self = argv[0];
    if (argc > 1)
        return 9;
    plan(16);
    test_thread();
    test_inner();
    test_exec();
    test_killed_waiter();
    return done();
}
