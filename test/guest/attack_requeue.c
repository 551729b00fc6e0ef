// A crowd that waits on one futex is moved to another, back, and woken, while another thread uses the
// same futex all the time: nobody is lost, and the other one comes through. Its argument is how many.
// flags: -pthread

#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>

#include "attack.h"

#define WAIT    (FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG)
#define REQUEUE (FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG)
#define COMPARE (FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG)
#define WAKE    (FUTEX_WAKE | FUTEX_PRIVATE_FLAG)
#define NONE    (FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG)
#define ITS_BIT 1
#define NO_BIT  2

static long crowd;
static struct {
    uint32_t first __attribute__((aligned(64))), second __attribute__((aligned(64)));
    volatile long arrived, left, others_calls;
    volatile bool over;
} shared;

/* A thread without a stack: it counts itself in, waits on `first`, counts itself out and ends. */
#define WAITER(name, instruction)                                                                  \
    static long name(void)                                                                         \
    {                                                                                              \
        register long r8 __asm__("r8") = 0, r10 __asm__("r10") = 0, r12 __asm__("r12") = WAIT;     \
        register void *r13 __asm__("r13") = &shared.first;                                         \
        register volatile long *r14 __asm__("r14") = &shared.arrived,                              \
                                    *r15 __asm__("r15") = &shared.left;                            \
        long result;                                                                               \
        __asm__ volatile(                                                                          \
            instruction "; test %%eax, %%eax; jnz 1f\n"                                            \
                        "lock incq (%%r14)\n"                                                      \
                        "mov %%r13, %%rdi; mov %%r12d, %%esi; xor %%edx, %%edx\n"                  \
                        "xor %%r10d, %%r10d; mov %[bit], %%r9d\n"                                  \
                        "mov %[futex], %%eax; " instruction "\n"                                   \
                        "lock incq (%%r15)\n"                                                      \
                        "mov %[exit], %%eax; xor %%edi, %%edi; " instruction "\n"                  \
                        "1:"                                                                       \
            : "=a"(result)                                                                         \
            : "a"((long)SYS_clone), "D"((long)DOES_THREAD), "S"(0L), "d"(0L), "r"(r8), "r"(r10),   \
              "r"(r12), "r"(r13), "r"(r14),                                                        \
              "r"(r15), [bit] "i"(ITS_BIT), [futex] "i"(SYS_futex), [exit] "i"(SYS_exit)           \
            : "rcx", "r9", "r11", "memory");                                                       \
        return result;                                                                             \
    }
WAITER(waiter_int, "int $0x80")
WAITER(waiter_syscall, "syscall")

static void *use_the_same_futex(void *unused)
{
    while (!shared.over) {
        sys(futex, &shared.first, NONE, INT_MAX, NULL, NULL, NO_BIT);
        sys(futex, &shared.second, WAIT, shared.second + 1, NULL, NULL, ITS_BIT);
        shared.others_calls++;
    }
    return unused;
}

/* All that a call moves or wakes, in as many turns as it takes until the crowd has come through. */
static long in_all(long (*call)(void))
{
    long total = 0;

    for (int turn = 0; turn < TURNS && total < crowd; turn++) {
        long got = call();

        if (got < 0)
            return got;
        total += got;
        if (total < crowd)
            nap();
    }
    return total;
}

static long move(void)
{
    return sys(futex, &shared.first, REQUEUE, 0, INT_MAX, &shared.second);
}

static long move_back(void)
{
    return sys(futex, &shared.second, COMPARE, 0, INT_MAX, &shared.first, shared.second);
}

static long wake(void)
{
    return sys(futex, &shared.first, WAKE, INT_MAX);
}

static void run(void)
{
    pthread_t other;
    long started = 0, calls;

    memset(&shared, 0, sizeof(shared));
    while (started < crowd && (door == DOOR_INT ? waiter_int() : waiter_syscall()) > 0)
        started++;
    is(started, crowd, "so many threads can be made");
    comes_to(&shared.arrived, started);
    for (int i = 0; i < 100; i++)
        nap(); /* the last of them are on their way from the counter to the futex */
    pthread_create(&other, NULL, use_the_same_futex, NULL);
    while (!shared.others_calls)
        nap();
    calls = shared.others_calls;
    is(in_all(move), crowd, "a requeue moves all who wait");
    is(in_all(move_back), crowd, "a requeue that compares moves all of them back");
    is(sys(futex, &shared.first, NONE, INT_MAX, NULL, NULL, NO_BIT), 0,
       "a wake-up for bits that nobody waits for wakes nobody");
    is(in_all(wake), crowd, "a wake-up of all wakes all of them");
    ok(comes_to(&shared.left, crowd), "every one of them goes on");
    ok(shared.others_calls > calls, "and the other user of the futex went on meanwhile");
    shared.over = true;
    pthread_join(other, NULL);
}

int main(int argc, char **argv)
{
    crowd = argument(argc, argv, 1, 200);
    return by_each_door(7, run);
}
