// How processes end: with many threads, with children, in the middle of a call that takes long; and what is left
// of them until somebody has waited for them.
// flags: -pthread

#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

enum { BLOCKED = 1000, WAITERS = 8, BIG = 16 << 20, CHILDREN = 200, STACK = 4096, HELD = 100 };

static const char *self;
static char stack[16384] __attribute__((aligned(16)));

static void sleep_us(long us)
{
    sys(nanosleep, (&(struct timespec){us / 1000000, us % 1000000 * 1000}), NULL);
}

static long wait_for(long pid)
{
    int status = -1;

    return sys(wait4, pid, &status, 0, NULL) == pid ? status : -1;
}

static int end_with(void *status)
{
    return (int)(long)status;
}

static void test_zombies(void)
{
    long pid[3];
    int status;

    for (long i = 0; i < 3; i++)
        pid[i] = clone(end_with, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
                       (void *)(10 + i));
    sleep_us(20000);
    is(sys(kill, pid[0], 0), 0, "a process that has ended is still there");
    is(sys(kill, pid[0], SIGKILL), 0, "a signal to it is taken");
    is(sys(tgkill, pid[0], pid[0], SIGTERM), 0, "and so is one to its thread");
    for (int i = 0; i < 3; i++)
        is(sys(wait4, -1, &status, 0, NULL), pid[i], "the first that ended is waited for first");
    is(status, 12 << 8, "its status is what it was");
    is(sys(kill, pid[0], 0), -ESRCH, "after that it is not there any more");
}

static atomic_long parent_of_orphan, middle;

static int be_orphan(void *unused)
{
    (void)unused;
    while (sys(getppid) == middle)
        sys(sched_yield);
    parent_of_orphan = sys(getppid);
    return 0;
}

static int leave_orphan(void *unused)
{
    (void)unused;
    middle = sys(getpid);
    return clone(be_orphan, stack + sizeof(stack) / 2, CLONE_VM | SIGCHLD, NULL) > 0 ? 33 : 1;
}

static void test_orphans(void)
{
    long pid;

    parent_of_orphan = -1;
    pid = clone(leave_orphan, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    is(wait_for(pid), 33 << 8, "a process can end before its child");
    while (parent_of_orphan == -1)
        sys(sched_yield);
    ok(parent_of_orphan != pid, "then it is no longer the child's parent");
    is(sys(wait4, -1, NULL, 0, NULL), -ECHILD, "and the grandchild is not ours");
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < CHILDREN; i++)
            if (fork() == 0) {
                sleep_us(i % 2 ? 0 : 100000);
                _exit(0);
            }
        _exit(34);
    }
    is(wait_for(pid), 34 << 8, "a parent of two hundred, half of which have ended, ends");
}

static int block(void *how)
{
    static int word;

    for (;;)
        switch ((long)how % 3) {
        case 0:
            sys(futex, &word, FUTEX_WAIT, 0, NULL);
            break;
        case 1:
            sys(pause);
            break;
        default:
            sleep_us(10000000);
        }
    return 0;
}

/* How many threads have started and will not end by themselves. */
static int start_blocked(int count)
{
    char *stacks = mmap(NULL, (size_t)count * STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int started = 0;

    for (long i = 0; i < count; i++)
        started += clone(block, stacks + (i + 1) * STACK, THREAD, (void *)i) > 0;
    return started;
}

static void become_another(void)
{
    execve(self, (char *[]){(char *)self, "ends", NULL}, (char *[]){NULL});
    _exit(1);
}

static void *exit_the_group(void *unused)
{
    sys(exit_group, 36);
    return unused;
}

/* The wait status of a child with many threads that wait, which ends in the i-th way. */
static long end_with_threads(int way)
{
    pthread_t thread;
    pid_t pid = fork();

    if (pid == 0) {
        if (start_blocked(BLOCKED) != BLOCKED)
            _exit(1);
        if (way == 0)
            _exit(35);
        if (way == 1)
            pthread_create(&thread, NULL, exit_the_group, NULL);
        if (way == 2)
            become_another();
        if (way == 3)
            sys(kill, getpid(), SIGTERM);
        if (way == 4)
            __builtin_trap();
        for (;;)
            sys(pause);
    }
    return wait_for(pid);
}

static void test_many_threads(void)
{
    is(end_with_threads(0), 35 << 8, "exit_group ends a thousand threads that wait");
    is(end_with_threads(1), 36 << 8, "so does it by another thread than the first");
    is(end_with_threads(2), 37 << 8, "execve does, and goes on alone");
    is(end_with_threads(3), SIGTERM, "a signal does");
    is(end_with_threads(4) & 127, SIGILL, "a fault does");
}

static struct {
    struct robust_list_head head;
    struct {
        struct robust_list list;
        atomic_uint word;
    } held[HELD];
} robust;

/* Ends as the owner of words that are all in its robust list. */
static int hold(void *unused)
{
    (void)unused;
    robust.head.list.next = &robust.held[0].list;
    robust.head.futex_offset = sizeof(struct robust_list);
    for (int i = 0; i < HELD; i++) {
        robust.held[i].list.next = i < HELD - 1 ? &robust.held[i + 1].list : &robust.head.list;
        robust.held[i].word = (unsigned)sys(gettid);
    }
    sys(set_robust_list, &robust.head, sizeof(robust.head));
    sys(exit, 0);
    return 0;
}

static void test_robust_list(void)
{
    int told = 0;

    clone(hold, stack + sizeof(stack), THREAD | CLONE_VFORK, NULL);
    for (int i = 0; i < HELD; i++)
        told += robust.held[i].word == FUTEX_OWNER_DIED;
    is(told, HELD, "a thread that ends leaves word in each of a hundred robust futexes");
}

static pthread_barrier_t barrier;
static atomic_int found, none;
static atomic_long wanted;

static void *wait_for_wanted(void *unused)
{
    long got;

    pthread_barrier_wait(&barrier);
    do {
        got = sys(wait4, wanted, NULL, 0, NULL);
        found += got > 0;
    } while (got > 0 && wanted == -1);
    none += got == -ECHILD;
    return unused;
}

/* Threads that wait at once, for that child or -1; as many children as said, which end late. */
static void wait_together(int children, bool for_any)
{
    pthread_t threads[WAITERS];
    long pid = 0;

    found = none = 0;
    pthread_barrier_init(&barrier, NULL, WAITERS);
    for (int i = 0; i < children; i++)
        if ((pid = fork()) == 0) {
            sleep_us(50000 + i % 2 * 30000);
            _exit(0);
        }
    wanted = for_any ? -1 : pid;
    for (int i = 0; i < WAITERS; i++)
        pthread_create(&threads[i], NULL, wait_for_wanted, NULL);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(threads[i], NULL);
}

static void test_many_waiters(void)
{
    wait_together(1, false);
    is(found, 1, "of eight threads that wait for one child, one gets it");
    is(none, WAITERS - 1, "and the others are told that there is none");
    wait_together(20, true);
    is(found, 20, "eight threads that wait for any child get twenty between them");
    is(none, WAITERS, "and each is told in the end that there is none");
}

/* Arguments that take long to copy. */
static void exec_for_ever(void)
{
    static char *argv[4000];

    for (int i = 0; i < 3999; i++)
        argv[i] = i ? "again" : (char *)self;
    execve(self, argv, (char *[]){NULL});
    _exit(1);
}

static void fork_for_ever(void)
{
    for (;;) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        sys(wait4, pid, NULL, 0, NULL);
    }
}

/* The status of a child that touches much memory, and is killed after so long in what it does. */
static long kill_big(long us, int what)
{
    pid_t pid = fork();

    if (pid == 0) {
        char *memory = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (what == 1)
            exec_for_ever();
        memset(memory, 1, BIG);
        if (what == 0)
            fork_for_ever();
        for (;;)
            sys(sched_yield);
    }
    sleep_us(us);
    sys(kill, pid, SIGKILL);
    return wait_for(pid);
}

static void test_killed_in_the_middle(void)
{
    static const char *const sentences[] = {"a big process is killed while it forks",
                                            "one with many arguments while it execs",
                                            "and one while it does nothing"};

    for (int what = 0; what < 3; what++) {
        int killed = 0;

        for (long i = 0; i < 12; i++)
            killed += kill_big(2000 + i * 3500, what) == SIGKILL;
        is(killed, 12, sentences[what]);
    }
}

int main(int argc, char *argv[])
{
    self = argv[0];
    if (argc > 1 && strcmp(argv[1], "again") == 0)
        exec_for_ever();
    if (argc > 1)
        return 37;
    plan(25);
    test_zombies();
    test_orphans();
    test_many_threads();
    test_robust_list();
    test_many_waiters();
    test_killed_in_the_middle();
    return done();
}
