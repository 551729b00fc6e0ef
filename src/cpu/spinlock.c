/* Taking locks, and the order in which a CPU may. */

#include "cpu/spinlock.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "smp/ipi.h"

#define PATIENCE_NS 20000000000UL /* far beyond what any holder needs, also on a loaded host */

void spin_lock_as(struct spinlock *lock, uint32_t rank)
{
    uint32_t held = this_cpu->locks_held;
    if (held >> rank)
        panic("lock order: %s (rank %u) wanted with ranks 0x%x held", lock->name, rank, held);
    this_cpu->locks_held = held | 1U << rank;

    uint64_t since = 0;
    for (unsigned spins = 1; atomic_exchange_explicit(&lock->locked, 1, memory_order_acquire);
         spins++) {
        /* Looks without writing, so that the line stays shared until the lock is free. */
        while (atomic_load_explicit(&lock->locked, memory_order_relaxed) && spins++ % 4096) {
            ipi_serve(); /* the holder may be waiting for this very CPU */
            cpu_relax();
        }
        if (!since)
            since = clock_boot_ns();
        else if (clock_boot_ns() - since > PATIENCE_NS)
            panic("lock %s does not come", lock->name);
    }
}

void spin_unlock_as(struct spinlock *lock, uint32_t rank)
{
    this_cpu->locks_held = this_cpu->locks_held & ~(1U << rank);
    atomic_store_explicit(&lock->locked, 0, memory_order_release);
}

void spin_lock(struct spinlock *lock)
{
    spin_lock_as(lock, lock->rank);
}

void spin_unlock(struct spinlock *lock)
{
    spin_unlock_as(lock, lock->rank);
}
