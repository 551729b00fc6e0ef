// What the lab's test programs share: the call, the end of a stub, staying on one CPU.
#pragma once

#include <sched.h>

#include "../../src/sys/lab_abi.h"
#include "door.h"
#include "ktap.h"

static const char *const lab_doors[LAB_DOORS] = {"int 0x81", "syscall"};
static const char *const lab_rungs[LAB_RUNGS] = {"bare",     "swapgs", "stack",  "frame",
                                                 "dispatch", "real",   "crossed"};

// By the ordinary door of this build: no stub may stand in `syscall`.
static inline long lab(long op, long a, long b)
{
    return raw(SYS_LAB, op, a, b, 0, 0, 0);
}

static inline long lab_end(void)
{
    long stood;

    asm volatile("int %1" : "=a"(stood) : "i"(LAB_GATE_END) : "memory");
    return stood;
}

// Through the stub, or what is in its place; rdi = -1, so that a call which it may be does no harm.
static inline long lab_pass(enum lab_door door, long number)
{
    long result;

    if (door == LAB_INT)
        asm volatile("int %1" : "=a"(result) : "i"(LAB_GATE), "a"(number), "D"(-1L) : "memory");
    else
        asm volatile("syscall" : "=a"(result) : "a"(number), "D"(-1L) : "rcx", "r11", "memory");
    return result;
}

static inline bool stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

// Whether the build has the door that a stub would stand for.
static inline bool lab_has(enum lab_door door)
{
    return doors_find().open[door == LAB_INT ? DOOR_INT : DOOR_SYSCALL];
}
