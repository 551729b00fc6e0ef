// What it costs to make and end processes and threads in crowds, by kind, for two sizes of which one is
// ten times the other: the work a head must not grow with the crowd. Its argument is the larger one.

#define _GNU_SOURCE
#include <linux/futex.h>

#include "attack.h"

static long largest;
static long pids[16384];
static uint32_t word;

static long pauses(void)
{
    long pid = sys(fork);

    if (pid == 0)
        for (;;)
            sys(pause);
    return pid;
}

static long forks(long n)
{
    long made = 0;

    while (made < n && (pids[made] = pauses()) > 0)
        made++;
    return made;
}

static long kills(long n)
{
    long killed = 0;

    for (long i = 0; i < n; i++)
        killed += sys(kill, pids[i], SIGKILL) == 0;
    return killed;
}

static long reaps(long n)
{
    long reaped = 0;
    int status = 0;

    for (long i = 0; i < n; i++)
        reaped += sys(wait4, pids[i], &status, 0, NULL) == pids[i] && status == SIGKILL;
    return reaped;
}

static long reaps_any(long n)
{
    long reaped = 0;
    int status = 0;

    while (reaped < n && sys(wait4, -1, &status, 0, NULL) > 0)
        reaped++;
    return reaped;
}

/* A thread without a stack, which waits until its process ends; with a timeout or without. */
#define WAITER(name, instruction)                                                                  \
    static long name(const long *timeout)                                                          \
    {                                                                                              \
        register long r8 __asm__("r8") = 0, r10 __asm__("r10") = 0;                                \
        register const long *r12 __asm__("r12") = timeout;                                         \
        register void *r13 __asm__("r13") = &word;                                                 \
        long result;                                                                               \
        __asm__ volatile(instruction "; test %%eax, %%eax; jnz 1f\n"                               \
                                     "mov %%r13, %%rdi; mov %[wait], %%esi; xor %%edx, %%edx\n"    \
                                     "mov %%r12, %%r10; mov %[futex], %%eax; " instruction "\n"    \
                                     "mov %[exit], %%eax; xor %%edi, %%edi; " instruction "\n"     \
                                     "1:"                                                          \
                         : "=a"(result)                                                            \
                         : "a"((long)SYS_clone), "D"((long)DOES_THREAD), "S"(0L), "d"(0L),         \
                           "r"(r8), "r"(r10), "r"(r12), "r"(r13), [futex] "i"(SYS_futex),          \
                           [exit] "i"(SYS_exit), [wait] "i"(FUTEX_WAIT | FUTEX_PRIVATE_FLAG)       \
                         : "rcx", "r9", "r11", "memory");                                          \
        return result;                                                                             \
    }
WAITER(waiter_int, "int $0x80")
WAITER(waiter_syscall, "syscall")

/* Makes n threads that wait, the later ones for a shorter time; how many there are. */
static long threads(long n, bool with_timeout)
{
    static long timeouts[16384][2];
    long made = 0;

    for (; made < n; made++) {
        const long *timeout = with_timeout ? timeouts[made] : NULL;

        timeouts[made][0] = 100000 - made;
        if ((door == DOOR_INT ? waiter_int(timeout) : waiter_syscall(timeout)) <= 0)
            break;
    }
    for (int i = 0; i < 5; i++)
        sys(sched_yield);
    nap();
    return made;
}

/* A process that shares our memory, so that we know when its end began. */
static struct {
    long size;
    enum way { EXITS, IS_KILLED, SLEEPS, EXECS } way;
    uint64_t began;
    char *self;
} subject;
static char subject_stack[65536] __attribute__((aligned(64)));

static int with_threads(void *unused)
{
    long me = sys(getpid);

    (void)unused;
    if (threads(subject.size, subject.way == SLEEPS) != subject.size)
        return 1;
    subject.began = ticks();
    if (subject.way == IS_KILLED)
        sys(kill, me, SIGKILL);
    if (subject.way == EXECS)
        sys(execve, subject.self, ((char *[]){subject.self, "ends", NULL}), ((char *[]){NULL}));
    sys(exit_group, 42);
    return 1;
}

/* Its children have ended and were not waited for. */
static int with_zombies(void *unused)
{
    bool all = forks(subject.size) == subject.size && kills(subject.size) == subject.size;

    (void)unused;
    for (int i = 0; i < 5; i++)
        sys(sched_yield);
    subject.began = ticks();
    sys(exit_group, all ? 42 : 1);
    return 1;
}

static long end_of(const char *what, int (*run)(void *), long size, enum way way)
{
    int status = -1;
    long pid;

    subject.size = size, subject.way = way;
    pid = clone(run, subject_stack + sizeof(subject_stack), CLONE_VM | SIGCHLD, NULL);
    if (pid < 0 || sys(wait4, pid, &status, 0, NULL) != pid)
        return -1;
    note_ticks(what, size, subject.began);
    return status;
}

#define COUNTED(what, n, call)                                                                     \
    ({                                                                                             \
        uint64_t before = ticks();                                                                 \
        long got = (call);                                                                         \
        note_ticks(what, n, before);                                                               \
        got;                                                                                       \
    })

static void crowd(long n)
{
    note("a crowd of", n);
    is(COUNTED("forks", n, forks(n)), n, "so many processes can be made");
    is(COUNTED("kills", n, kills(n)), n, "each can be killed");
    is(COUNTED("waits", n, reaps(n)), n, "each can be waited for");
    is(forks(n), n, "as many can be made again");
    is(kills(n), n, "and killed");
    is(COUNTED("waits for any", n, reaps_any(n)), n, "and waited for as they come");
    is(end_of("parent's end", with_zombies, n, EXITS), 42 << 8, "their parent can end with them");
    is(end_of("threads' end by exit_group", with_threads, n, EXITS), 42 << 8,
       "a process of so many threads ends by exit_group");
    is(end_of("threads' end by a signal", with_threads, n, IS_KILLED), SIGKILL, "or by a signal");
    is(end_of("sleepers' end", with_threads, n, SLEEPS), 42 << 8,
       "or while all of them wait for a time");
    is(end_of("threads' end by execve", with_threads, n, EXECS), 42 << 8,
       "or becomes another program");
}

static void run(void)
{
    crowd(largest / 10);
    crowd(largest);
}

int main(int argc, char **argv)
{
    subject.self = argv[0];
    if (argc > 1 && argv[1][0] == 'e')
        return 42;
    largest = argument(argc, argv, 1, 100);
    return by_each_door(22, run);
}
