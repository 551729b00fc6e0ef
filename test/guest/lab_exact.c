// Exact guest instructions of each of the lab's stubs, counted as exact counts the real doors: under
// QEMU's -icount shift=0,sleep=off, on a kernel with lab=on. Prints "lab: DOOR RUNG N".

#define _GNU_SOURCE
#include <stdint.h>

#include "lab.h"

enum {
    CALLS = 1000,
    REPETITIONS = 5,
    TRIES = 400,
    LOOP_LENGTH = 4, // mov, nop, dec, jnz
    LOOP_AROUND = 2, // mov after the first rdtsc; the second rdtsc itself
};

// TSC ticks of CALLS turns; three loops alike but for one instruction of two bytes.
#define LOOP(name, instruction)                                                                    \
    static __attribute__((noinline)) long name(long number)                                        \
    {                                                                                              \
        long ticks;                                                                                \
        register long turns asm("r13") = CALLS;                                                    \
        asm volatile(".balign 64\n\t"                                                              \
                     "rdtsc\n\t"                                                                   \
                     "mov %%eax, %%r12d\n\t"                                                       \
                     "1: mov %[number], %%eax\n\t" instruction "\n\t"                              \
                     "dec %%r13d\n\t"                                                              \
                     "jnz 1b\n\t"                                                                  \
                     "rdtsc\n\t"                                                                   \
                     "sub %%r12d, %%eax" /* a turn is far shorter than 2^32 ticks */               \
                     : "=&a"(ticks), "+r"(turns)                                                   \
                     : [number] "b"((int)number), "D"(-1L)                                         \
                     : "rcx", "rdx", "r11", "r12", "cc", "memory");                                \
        return ticks;                                                                              \
    }
LOOP(turn_nop, ".byte 0x66, 0x90")
LOOP(turn_int, "int $0x81")
LOOP(turn_syscall, "syscall")

// The least of many is one that no timer tick fell into. Negative: the stub did not stand.
static long least(long (*turn)(long), enum lab_door door, enum lab_rung rung, long number)
{
    long best = -EINTR;

    for (int good = 0, tries = 0; good < REPETITIONS && tries < TRIES; tries++) {
        long error = lab(LAB_INSTALL, door, rung);
        if (error)
            return error;
        long ticks = turn(number);
        if (lab_end() != 1)
            continue;
        best = good++ && best < ticks ? best : ticks;
    }
    return best;
}

static long count(enum lab_door door, enum lab_rung rung)
{
    long number = rung >= LAB_REAL ? SYS_getpid : 0;
    long nop = least(turn_nop, door, rung, number);
    long stub = least(door == LAB_INT ? turn_int : turn_syscall, door, rung, number);

    if (nop < 0 || stub < 0)
        return nop < 0 ? nop : stub;
    return (stub - nop) % CALLS ? -EDOM : (stub - nop) / CALLS;
}

static bool clock_counts_instructions(void)
{
    for (int i = 0; i < REPETITIONS; i++) // but for a timer tick
        if (turn_nop(0) == CALLS * LOOP_LENGTH + LOOP_AROUND)
            return true;
    return false;
}

int main(void)
{
    static const char sentence[] = "every stub costs a whole number of instructions";
    long counts[LAB_DOORS][LAB_RUNGS], bad = 0;

    plan(1);
    stay_on(0);
    if (lab(LAB_INTERRUPTS, 0, 0) < 0 || !clock_counts_instructions()) {
        skip(sentence, "booted without lab=on, or not under -icount");
        return done();
    }
    for (enum lab_door door = 0; door < LAB_DOORS; door++)
        for (enum lab_rung rung = 0; rung < LAB_RUNGS; rung++)
            counts[door][rung] = count(door, rung);
    for (enum lab_door door = 0; door < LAB_DOORS; door++)
        for (enum lab_rung rung = 0; rung < LAB_RUNGS; rung++) {
            printf("lab: %s %s %ld\n", lab_doors[door], lab_rungs[rung], counts[door][rung]);
            bad += counts[door][rung] < 0 && counts[door][rung] != -ENODEV;
        }
    fflush(stdout);
    is(bad, 0, sentence);
    return done();
}
