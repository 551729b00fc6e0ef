/* Inter-processor requests: TLB shootdown, rescheduling, stopping. */
#pragma once

#include <stdint.h>

struct space;

/* Returns once no CPU holds a translation of [start, end) of the space that its page tables no
 * longer give. Takes the shootdown lock. The caller holds the space's own, or is its last user. */
void tlb_shootdown(struct space *space, uint64_t start, uint64_t end);

/* Answers what other CPUs asked of this one. Called by the interrupt, and by whoever spins. */
void ipi_serve(void);

/* Makes a CPU take its slow way out soon. Interrupts it in ring 3 or idle. */
void ipi_reschedule(unsigned cpu_index);

/* Stops all other CPUs for good, by NMI; returns the number that did not answer in a bounded time. */
unsigned ipi_stop_others(void);
