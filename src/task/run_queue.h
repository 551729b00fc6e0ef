/* A CPU's runnable threads, in the order of their turns. All with the queue's lock held; no step depends
 * on how many there are. */
#pragma once

#include "cpu/cpu.h"

void run_queue_push(struct run_queue *queue, struct thread *thread);
void run_queue_remove(struct run_queue *queue, struct thread *thread);

/* For the queue's own CPU: the thread whose turn it is. NULL: none. Whether it may run there still, its
 * way out sees (sched.c). */
struct thread *run_queue_take(struct run_queue *queue);

/* For another CPU: one that may run there, of the first few. NULL: none. Who waits further back may have
 * to wait for its turn, though that CPU has nothing to do: its own CPU takes them all in order, and there
 * it is queued anew, at an idle CPU before others. */
struct thread *run_queue_steal(struct run_queue *queue, unsigned cpu);
