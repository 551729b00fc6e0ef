/* What the attack programs share: they go through each door that is open in turn, with raw() by that
 * door; they count guest instructions, which the TSC does under -icount; and they wait for others by
 * turns of their own, never by the clock. Included once; wants _GNU_SOURCE. */
#pragma once

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "door.h"

static enum door door = DOOR_SYSCALL;

#define RAW_SYSCALL
static inline long raw(long number, long a, long b, long c, long d, long e, long f)
{
    return door == DOOR_INT ? door_int(number, a, b, c, d, e, f)
                            : door_syscall(number, a, b, c, d, e, f);
}

#include "ktap.h"

#define PAGE        4096UL
#define TURNS       20000 /* of waiting, a millisecond or more each, before something counts as lost */
#define DOES_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

static inline bool door_is_open(enum door which)
{
    static struct doors doors;

    if (!doors.kernel[0])
        doors = doors_find();
    return doors.open[which] && (doors.one_table || which == DOOR_SYSCALL);
}

/* `run` makes `checks` results; it is called once for each open door. */
static inline int by_each_door(int checks, void (*run)(void))
{
    plan(checks * (door_is_open(DOOR_INT) + door_is_open(DOOR_SYSCALL)));
    for (int which = 0; which < DOORS; which++) {
        if (!door_is_open((enum door)which))
            continue;
        door = (enum door)which;
        put("# by ");
        put(door_names[door]);
        put_end_of_line();
        run();
    }
    return done();
}

static inline long argument(int argc, char **argv, int at, long otherwise)
{
    return argc > at ? atol(argv[at]) : otherwise;
}

static inline void nap(void)
{
    const long millisecond[2] = {0, 1000000};

    sys(nanosleep, millisecond, NULL);
}

/* Until the counter has come to `want`, or too many turns have passed. */
static inline bool comes_to(const volatile long *counter, long want)
{
    for (int turn = 0; *counter != want && turn < TURNS; turn++)
        nap();
    return *counter == want;
}

/* The child's wait status, or a negative errno; a child that does not end is killed: -ETIMEDOUT. */
static inline long ends(long pid)
{
    int status = 0;
    long got = 0;

    for (int turn = 0; turn < TURNS && got == 0; turn++) {
        got = sys(wait4, pid, &status, WNOHANG, NULL);
        if (!got)
            nap();
    }
    if (got)
        return got == pid ? status : got;
    sys(kill, pid, SIGKILL);
    sys(wait4, pid, &status, 0, NULL);
    return -ETIMEDOUT;
}

static inline uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* For test/boot/test_attacks.py, which knows whether the TSC counts instructions. */
static inline void note_ticks(const char *what, long count, uint64_t since)
{
    put("# ticks of ");
    put(what);
    put(", ");
    put_number(count);
    put(": ");
    put_number((long)(ticks() - since));
    put_end_of_line();
}
