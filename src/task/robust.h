/* Robust futexes: what a thread still holds when it ends. */
#pragma once

#include "mm/usercopy.h"

struct thread;

/* How far the walk has come. */
struct robust_walk {
    user_addr_t entry, pending;
    uint64_t offset; /* of an entry's futex */
    unsigned left;   /* entries that are looked at, at most */
};

/* Walks the list that set_robust_list(2) named, of the current thread: marks each futex that it owns with
 * FUTEX_OWNER_DIED and wakes a waiter. robust_list_go_on does a piece; true: that was all. */
void robust_list_begin(struct robust_walk *walk, const struct thread *thread);
bool robust_list_go_on(struct robust_walk *walk, const struct thread *thread);
