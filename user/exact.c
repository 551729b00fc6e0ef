// exact: how many guest instructions a round trip through each door takes, to the digit. It counts
// under QEMU's -icount shift=0,sleep=off, where rdtsc advances by one per instruction, and refuses
// to give ticks for instructions anywhere else.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "door.h"

#define CALLS        1000
#define REPETITIONS  40 // the least of so many is one that no timer tick fell into
#define LOOP_LENGTH  4  // instructions a turn of the nop loop: mov, nop, dec, jnz
#define LOOP_AROUND  4  // shl, or, mov after the first rdtsc; the second rdtsc itself
#define UNKNOWN_CALL 500

typedef uint64_t loop(uint64_t number, uint64_t calls);
loop exact_nop, exact_int, exact_syscall;
extern const char exact_nop_door[], exact_nop_end[], exact_int_door[], exact_int_end[],
    exact_syscall_door[], exact_syscall_end[];

static const struct way {
    loop *run;
    const char *door, *end;
} nop = {exact_nop, exact_nop_door, exact_nop_end},
  ways[DOORS] = {
      [DOOR_INT] = {exact_int, exact_int_door, exact_int_end},
      [DOOR_SYSCALL] = {exact_syscall, exact_syscall_door, exact_syscall_end},
};

static bool alike_but_for_the_door(const struct way *a, const struct way *b)
{
    const char *start_a = (const char *)(uintptr_t)a->run,
               *start_b = (const char *)(uintptr_t)b->run;
    size_t before = (size_t)(a->door - start_a), size = (size_t)(a->end - start_a);
    return before == (size_t)(b->door - start_b) && size == (size_t)(b->end - start_b) &&
           memcmp(start_a, start_b, before) == 0 &&
           memcmp(a->door + 2, b->door + 2, size - before - 2) == 0;
}

static uint64_t least(loop *run, long number, uint64_t calls)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < REPETITIONS; i++) {
        uint64_t ticks = run((uint64_t)number, calls);
        best = ticks < best ? ticks : best;
    }
    return best;
}

// The nop loop's length is known beforehand: a clock that counts instructions reads exactly it.
static bool clock_counts_instructions(void)
{
    return least(exact_nop, 0, CALLS) == CALLS * LOOP_LENGTH + LOOP_AROUND &&
           least(exact_nop, 0, 3 * CALLS) == 3 * CALLS * LOOP_LENGTH + LOOP_AROUND;
}

int main(int argc, char **argv)
{
    if (argc != 1) {
        fprintf(stderr, "usage: %s    (takes no arguments)\n", argv[0]);
        return 2;
    }
    struct doors doors = doors_find();
    const struct {
        const char *name;
        long number[DOORS];
        long expected;
    } calls[] = {
        {"getpid", {doors.one_table ? 39 : 20 /* i386 */, 39}, getpid()},
        {"ENOSYS", {UNKNOWN_CALL, UNKNOWN_CALL}, -ENOSYS},
    };
    enum { COUNT = sizeof(calls) / sizeof(calls[0]) };

    // A move to another CPU in mid-loop would be counted along.
    int cpu = sched_getcpu();
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(cpu < 0 ? 0 : cpu, &here);
    if (sched_setaffinity(0, sizeof(here), &here) != 0) {
        fprintf(stderr, "exact: cannot stay on one CPU\n");
        return 1;
    }

    if (!clock_counts_instructions()) {
        fprintf(stderr, "exact: not under -icount shift=0,sleep=off: "
                        "these are ticks, not instructions\n");
        return 1;
    }

    // All is measured before a line is printed: output would warm, tick and wake what is counted.
    uint64_t first[COUNT][DOORS], second[COUNT][DOORS];
    bool measured = false;
    for (int c = 0; c < COUNT; c++) {
        for (unsigned way = 0; way < DOORS; way++) {
            if (!doors.open[way])
                continue;
            long number = calls[c].number[way];
            long result = way == DOOR_INT ? door_int0(number) : door_syscall0(number);
            if (result != calls[c].expected || !alike_but_for_the_door(&nop, &ways[way])) {
                fprintf(stderr, "exact: %s by %s: result %ld instead of %ld, or unlike loops\n",
                        calls[c].name, door_names[way], result, calls[c].expected);
                return 1;
            }
            uint64_t empty = least(exact_nop, number, CALLS);
            first[c][way] = least(ways[way].run, number, CALLS) - empty;
            second[c][way] = least(ways[way].run, number, CALLS) - empty;
            measured = true;
        }
    }

    int status = measured ? 0 : 1;
    for (int c = 0; c < COUNT; c++) {
        for (unsigned way = 0; way < DOORS; way++) {
            printf("exact: %s by %s: ", calls[c].name, door_names[way]);
            if (!doors.open[way]) {
                printf("closed\n");
            } else if (first[c][way] % CALLS || first[c][way] != second[c][way]) {
                printf("not exact: %.3f and then %.3f guest instructions\n",
                       (double)first[c][way] / CALLS, (double)second[c][way] / CALLS);
                status = 1;
            } else {
                printf("%llu guest instructions\n", (unsigned long long)first[c][way] / CALLS);
            }
        }
    }
    return status;
}
