/* How long interrupts stay off: with irqsoff=on each stretch is timed, from an entry to the way back to
 * ring 3, to the idle loop's hlt, or to the window between two pieces of a call; and the longest of each
 * kind is told at the end. Without it, the doors and the other entries have no instruction of this. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* What a stretch is counted to: a call's number as ring 3 gave it, or one of these. */
#define IRQSOFF_OTHER      (1UL << 32)
#define IRQSOFF_VECTOR(v)  (IRQSOFF_OTHER + (v))
#define IRQSOFF_THREAD_END (IRQSOFF_OTHER + 256) /* and with its last thread a process's */
#define IRQSOFF_IDLE       (IRQSOFF_OTHER + 257) /* from hlt to the thread that it waited for */
#define IRQSOFF_OTHERS     258

extern bool irqsoff_on; /* constant once set */

/* Once, on the boot CPU, before the text becomes read-only and a door is chosen. */
void irqsoff_init(bool on);

/* A stretch begins or ends now, on this CPU; ending what has not begun is nothing. */
void irqsoff_begin(uint64_t kind);
void irqsoff_end(void);

/* The stretch that has begun is of that kind: what it does from now on is its longer part. */
void irqsoff_is(uint64_t kind);

/* As the last, for a piece of the thread's call: the kind is that call's. */
void irqsoff_is_piece_of(const struct thread *thread);

/* The way out that this kernel takes, timed or not. */
struct trap_frame;
typedef void way_out_fn(struct trap_frame *frame);
way_out_fn *irqsoff_way_out(void);

/* Ends the stretch and logs the longest ones. At the machine's end. */
void irqsoff_report(void);
