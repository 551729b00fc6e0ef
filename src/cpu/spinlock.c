/* Taking locks, and the order in which a CPU may. */

#include "cpu/spinlock.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "smp/ipi.h"

#define PATIENCE_NS 20000000000UL /* far beyond what any holder needs, also on a loaded host */

/* Takes the lock once it is free. Where many want it, one may wait for long while others have their turns: what
 * is waited for with patience is the holder, not the lock. */
static __attribute__((noinline)) void wait_for(struct spinlock *lock)
{
    struct patience patience = patience_of(PATIENCE_NS);
    uint32_t turn = __atomic_load_n(&lock->turns, __ATOMIC_RELAXED);
    do {
        /* Looks without writing, so that the line stays shared until the lock is free. */
        for (unsigned spins = 1;
             atomic_load_explicit(&lock->locked, memory_order_relaxed) && spins % 4096; spins++) {
            ipi_serve(); /* the holder may be waiting for this very CPU */
            cpu_relax();
        }
        uint32_t now = __atomic_load_n(&lock->turns, __ATOMIC_RELAXED);
        if (now != turn)
            patience = patience_of(PATIENCE_NS);
        else if (patience_is_over(&patience))
            panic("lock %s does not come", lock->name);
        turn = now;
    } while (atomic_exchange_explicit(&lock->locked, 1, memory_order_acquire));
}

void spin_lock_as(struct spinlock *lock, uint32_t rank)
{
    uint32_t held = this_cpu->locks_held;
    if (held >> rank)
        panic("lock order: %s (rank %u) wanted with ranks 0x%x held", lock->name, rank, held);
    this_cpu->locks_held = held | 1U << rank;
    if (atomic_exchange_explicit(&lock->locked, 1, memory_order_acquire))
        wait_for(lock);
}

void spin_unlock_as(struct spinlock *lock, uint32_t rank)
{
    this_cpu->locks_held = this_cpu->locks_held & ~(1U << rank);
    lock->turns++;
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
