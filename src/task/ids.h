/* The ids of processes and threads: one space of numbers, and who is found by each. All guarded by
 * process_lock. */
#pragma once

#include "lib/tree.h"
#include <stdbool.h>

struct process;
struct thread;

#define ID_MAX (1 << 22) /* ids are below: Linux's limit, and within FUTEX_TID_MASK */

/* An id that is in use. A process's is in the process until it is reaped, and also its first thread's; any
 * other thread's is in the thread. */
struct task_id {
    struct tree_node node;
    int number;
    struct process *process;
    struct thread *thread; /* who has it; NULL: the process's first thread has ended */
};

/* Gives the id a number that is not in use, and enters it; the caller fills in the rest. 0, or -EAGAIN when
 * none was found in a bounded search: the next one begins where this ended. */
int ids_take(struct task_id *id);
void ids_give_back(struct task_id *id);

/* NULL: not in use. */
struct task_id *ids_find(int number);

/* The lowest in use above a number, or NULL. */
struct task_id *ids_above(int number);
struct task_id *ids_next(const struct task_id *id);

bool ids_empty(void);
