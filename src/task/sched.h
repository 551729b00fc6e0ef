/* The scheduler: one run queue a CPU, round robin, a tick for preemption; blocking and waking. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct thread;
struct trap_frame;

#define SLICE_NS 10000000UL

/* The slow way out of ring 0. frame: ring 3's, complete, at the top of this CPU's stack. On return
 * it holds what this CPU shall run next: the same thread, or, after a switch, perhaps after a time
 * of idling, another one. */
void way_out(struct trap_frame *frame);

/* Leaves the boot path: this CPU takes threads from now on. */
_Noreturn void sched_enter(void);

/* The timer's interrupt on this CPU. */
void sched_timer(void);

/* Makes a thread that nobody else knows of runnable, or one that was taken out of its wait. */
void sched_add(struct thread *thread);

/* Marks the current thread blocked; it gives up the CPU on its way out. Called with the lock held
 * that a waker takes, so that no wake-up is lost. deadline: clock_boot_ns at which it is woken
 * anyway, or UINT64_MAX. */
enum wait;
void sched_block(enum wait wait, uint64_t deadline);

/* Makes a blocked thread runnable; others stay as they are. The caller sees to it that the thread
 * does not end meanwhile: it holds a lock that the thread takes before (its bucket's, sleepers,
 * process_lock). */
void sched_wake(struct thread *thread);

/* Makes a thread look at its state soon: wakes it if it is blocked, interrupts it if it runs. As
 * above. */
void sched_poke(struct thread *thread);

/* The current thread's call, or its end, is not done: `resume` does the next piece on the way out. Between
 * two pieces interrupts are let in, other threads have their turn, and a thread that must end does not
 * come to the next. (resume_fn: thread.h.) The call's return value is then the piece's to set. */
void sched_go_on(void (*resume)(struct thread *thread, struct trap_frame *frame));

/* The current thread's call comes to nothing, and is issued again. */
void sched_call_again(void);

/* Gives other runnable threads of this CPU their turn. */
void sched_yield(void);
