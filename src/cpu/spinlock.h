/* Spinlocks with ranks. The kernel runs with interrupts off, so a lock is never taken by an interrupt on
 * the CPU that holds it; what a spinning CPU still owes others (TLB shootdowns) it serves while it
 * spins. Whoever comes gets a free lock: tickets would be fairer, but where a host runs fewer CPUs than
 * the guest has, the next in line is often not running, and all wait for it. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* A CPU takes locks only in rising rank; spin_lock panics otherwise. */
enum lock_rank {
    LOCK_PROCESS,     /* process tree, thread lists */
    LOCK_FILES,       /* one process's descriptor table */
    LOCK_SPACE,       /* one address space: its areas and page tables */
    LOCK_PARK,        /* one bucket of the parked threads */
    LOCK_PARK_SECOND, /* another bucket, higher in memory */
    LOCK_TIMER,       /* one CPU's sleepers */
    LOCK_RUN_QUEUE,   /* one CPU's run queue */
    LOCK_POOL,        /* one object pool */
    LOCK_FRAMES,      /* the frame allocator */
    LOCK_RANDOM,      /* the random generator's state */
    LOCK_CHANNEL,     /* the second serial port */
    LOCK_CONSOLE,     /* the first serial port and the screen */
};

struct spinlock {
    _Atomic uint32_t locked; /* 1: held */
    uint32_t turns;          /* how often it was held; written by the holder */
    uint32_t rank;           /* enum lock_rank */
    const char *name;
};

#define SPINLOCK(name_, rank_)                                                                     \
    {                                                                                              \
        .rank = (rank_), .name = (name_)                                                           \
    }

/* Interrupts are off. Panics on a rank violation and when the lock does not come within a bounded
 * time, naming the lock. */
void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

/* The same where two locks of one rank must be held: the second goes by another rank. */
void spin_lock_as(struct spinlock *lock, uint32_t rank);
void spin_unlock_as(struct spinlock *lock, uint32_t rank);
