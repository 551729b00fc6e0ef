/* Robust futexes: what a thread still holds when it ends. */
#pragma once

struct thread;

/* Walks the list that set_robust_list(2) named, of the current thread: marks each futex that it
 * owns with FUTEX_OWNER_DIED and wakes a waiter. */
void robust_list_release(struct thread *thread);
