/* Threads with a timeout, and the local APIC's timer that ends it. */
#pragma once

#include <stdint.h>

struct thread;

/* Enters the current thread, not yet switched out, among this CPU's sleepers: sched_wake at the deadline. */
void sleep_until(struct thread *thread, uint64_t deadline);

/* Takes a running thread out of the sleepers it was among, if it still is; returns only when no CPU is
 * about to wake it for that deadline. */
void sleep_cancel(struct thread *thread);

/* Wakes those of this CPU's sleepers whose time has come; of very many the first ones. timer_program then
 * sets the timer for the rest. */
void sleepers_wake(uint64_t now);

/* Sees to it that this CPU's timer fires no later than its next deadline or the end of the slice. */
void timer_program(uint64_t now);
