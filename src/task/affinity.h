/* The CPUs that a thread may run on: masks of affinity_words() words. A mask is set, and read as a whole,
 * with process_lock held; so of two who set it the second wins, with all of its words. */
#pragma once

#include <stdint.h>

struct thread;

/* sched_setaffinity(2). The mask has at least one CPU that is online. tid 0: the current thread. When the
 * call is done the thread no longer runs elsewhere (the current thread: when it is back in ring 3), but for
 * a CPU that does not leave ring 0 within a millisecond. 0 or -ESRCH. Takes process_lock. */
long affinity_set(int tid, const uint64_t *mask);

/* 0 or -ESRCH. Takes process_lock. */
long affinity_get(int tid, uint64_t *mask);

/* A new thread inherits its creator's. With process_lock held. */
void affinity_copy(struct thread *to, const struct thread *from);
