/* Threads that wait for something about an object: one table for all of them, found by the object's address
 * and a number. Futexes are the largest user, with an address space and an address in it (a multiple of
 * 4); odd numbers are the kernel's own. Whoever waits for the same is woken in the order of arrival.
 *
 * A bucket of the table is a tree, so that no step depends on how many others wait: log2 of them at most. */
#pragma once

#include "cpu/spinlock.h"
#include "lib/tree.h"
#include <stdbool.h>
#include <stdint.h>

struct thread;
enum wait;

/* Blocks the current thread until an unpark, if `still` says so; it is asked under the bucket's lock, so an
 * unpark that comes after what it looks at has changed is not lost. It takes no lock. False: nothing was
 * done. Takes a lock of rank LOCK_PARK. */
bool park(const void *object, uint64_t number, bool (*still)(const void *object), enum wait wait);

/* Wakes the first `most`, or all. The number woken. The caller sees to it that `most` is small: this is one
 * stretch with interrupts off. The same lock. */
unsigned unpark(const void *object, uint64_t number, unsigned most);

/* Takes a thread that runs again out of the table. True when it was still there: nobody unparked it. After
 * that no CPU is about to wake it from there. */
bool park_leave(struct thread *thread);

/* ---- The table itself, for who must do more under its lock than that. */

struct park_bucket {
    struct spinlock lock; /* rank LOCK_PARK; guards the tree and its threads' `parked` */
    uint64_t tickets;     /* drawn so far */
    struct tree waiters;  /* by object, number, ticket */
} __attribute__((aligned(64)));

/* A thread's place. */
struct parked {
    struct park_bucket *_Atomic bucket; /* NULL: in none */
    const void *object;
    uint64_t number, ticket;
    struct tree_node node;
    _Atomic bool leaving; /* by itself: is not to be moved, so that it gets hold of its bucket */
};

struct park_bucket *park_bucket(const void *object, uint64_t number);

/* All of these with the bucket's lock held. */
void park_enter(struct park_bucket *bucket, struct thread *thread, const void *object,
                uint64_t number);
void park_wake(struct park_bucket *bucket, struct thread *thread);

/* Gives it the last place of those that wait for another number, whose bucket is locked too. False: it is
 * about to leave, and stays. */
bool park_move(struct park_bucket *from, struct park_bucket *to, struct thread *thread,
               uint64_t number);

/* Of those that wait for this: the first with this ticket or a later one; the next; NULL: none. */
struct thread *park_first(const struct park_bucket *bucket, const void *object, uint64_t number,
                          uint64_t ticket);
struct thread *park_next(const struct thread *thread);
