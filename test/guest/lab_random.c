// Threads on all CPUs ask the lab for whatever comes, pass its stubs, lose their CPU in every way, and
// end in any of them: int 0x80 is a call throughout, and who asked for no stub meets none. For lab=on
// and both doors, since a program with a stub in `syscall` makes its calls by int 0x80.
// `lab_random [SECONDS [SEED]]`
// args: 3
// flags: -pthread

#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>

#include "lab.h"

enum { ASKING = 5, WITNESSES = 3, ACTS = 12 };

static atomic_bool over;
static atomic_long installed, stood, wrong;
static int cpus, pid;

#define call(name, ...) call_number(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define call_number(n, a, b, c, d, e, f, ...)                                                      \
    door_int(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static unsigned below(unsigned *state, unsigned end)
{
    return (unsigned)rand_r(state) % end;
}

// Mostly one of 0 .. end - 1.
static long argument(unsigned *state, unsigned end)
{
    static const long edges[] = {-1, 1L << 31, 1L << 32, LONG_MIN, LONG_MAX, 64, 256};

    return below(state, 16) ? below(state, end)
                            : edges[below(state, sizeof(edges) / sizeof(*edges))];
}

static void go_somewhere(unsigned *state)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(below(state, cpus), &set);
    call(sched_setaffinity, 0, sizeof(set), &set);
}

static void touch_new_page(void)
{
    volatile char *page =
        (char *)call(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    *page = 1;
    call(munmap, page, 4096);
}

// rdi = -1, so that no call does harm. LAB_CROSSED loses rcx and r11 by the gate too.
static void pass(unsigned *state)
{
    static const long numbers[] = {SYS_getpid, SYS_read, SYS_sched_yield, SYS_LAB,
                                   461,        462,      1 << 30,         -1};

    for (unsigned n = below(state, 40); n > 0; n--) {
        long result = numbers[below(state, sizeof(numbers) / sizeof(*numbers))];
        if (below(state, 2))
            asm volatile("int %1"
                         : "+a"(result)
                         : "i"(LAB_GATE), "D"(-1L)
                         : "rcx", "r11", "memory");
        else
            asm volatile("syscall" : "+a"(result) : "D"(-1L) : "rcx", "r11", "memory");
    }
}

static void act(unsigned *state)
{
    static int word;
    struct timespec nap = {0, 100000};

    switch (below(state, ACTS)) {
    case 0:
        call(sched_yield);
        break;
    case 1:
        touch_new_page();
        break;
    case 2:
        go_somewhere(state);
        break;
    case 3:
        call(nanosleep, &nap);
        break;
    case 4:
        call(futex, &word, FUTEX_WAIT, 0, &nap);
        break;
    case 5:
    case 6:
        stood += lab_end();
        break;
    case 7:
    case 8:
    case 9:
        installed += !door_int(SYS_LAB, argument(state, 2), argument(state, LAB_DOORS),
                               argument(state, LAB_RUNGS), 0, 0, 0);
        break;
    default:
        pass(state);
    }
    wrong += call(getpid) != pid;
}

static void *ask(void *seed)
{
    unsigned state = (unsigned)(long)seed;

    while (!over)
        act(&state);
    lab_end();
    return NULL;
}

static void *witness(void *arg)
{
    while (!over) {
        wrong += door_syscall0(SYS_getpid) != pid;
        wrong += door_int0(SYS_getpid) != pid;
        wrong += lab_end() != 0;
    }
    return arg;
}

// In a process of its own, beside another thread: some acts, and an end, perhaps with a stub in place.
static void live_and_die(unsigned state)
{
    static char *argv[] = {"/test/exit_42", NULL};
    pthread_t thread;

    pid = getpid();
    pthread_create(&thread, NULL, ask, (void *)(long)(state + 1));
    for (unsigned n = below(&state, 100); n > 0; n--)
        act(&state);
    unsigned end = below(&state, 4);
    if (end == 0)
        asm volatile("ud2");
    else if (end == 1)
        call(execve, argv[0], argv, &argv[1]);
    else if (end == 2)
        call(exit); // this thread alone: the other goes on until it is killed
    call(exit_group, 42);
}

int main(int argc, char **argv)
{
    static const char sentence[] =
        "whatever is asked of the lab, int 0x80 is a call, and a stub is its own thread's";
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 3;
    unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : (unsigned)time(NULL);
    pthread_t threads[ASKING + WITNESSES];
    long children = 0;

    plan(1);
    if (lab(LAB_INTERRUPTS, 0, 0) < 0 || !lab_has(LAB_INT) || !lab_has(LAB_SYSCALL)) {
        skip(sentence, "wants lab=on and both doors");
        return done();
    }
    note("seed", seed);
    pid = getpid();
    cpus = get_nprocs();
    for (int i = 0; i < ASKING + WITNESSES; i++)
        pthread_create(&threads[i], NULL, i < ASKING ? ask : witness, (void *)(long)(seed + i));
    for (time_t end = time(NULL) + seconds; time(NULL) < end; children++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            live_and_die(seed + children * 16);
        usleep(below(&seed, 20000));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        wrong += status != SIGKILL && status != SIGILL && status != 42 << 8;
    }
    over = true;
    for (int i = 0; i < ASKING + WITNESSES; i++)
        pthread_join(threads[i], NULL);
    note("stubs installed", installed);
    note("of these to their end", stood);
    note("processes", children);
    ok(!wrong && installed && stood, sentence);
    return done();
}
