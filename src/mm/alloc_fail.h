/* The planted fault alloc_fail (CONTRIBUTING.md): a frame allocation of a test program's fails, by its
 * number. In every other build there is nothing of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct process;

#ifdef FAULT_alloc_fail
/* alloc_fail=N on the command line; 0: none fails. */
void alloc_fail_init(uint32_t number);

/* The process is about to exec. If it is a child of init's and has not done so before, its program is the
 * next to be tried: allocations are counted from here on. */
void alloc_fail_exec(struct process *process);

/* A new process: what it allocates is counted with its parent's. */
void alloc_fail_inherit(struct process *process, const struct process *parent);

/* An allocation is asked for; whether it is the one that fails. */
bool alloc_fail_now(void);

/* How many have failed since boot. */
unsigned long alloc_fail_count(void);
#else
static inline void alloc_fail_exec(struct process *process)
{
    (void)process;
}
static inline void alloc_fail_inherit(struct process *process, const struct process *parent)
{
    (void)process;
    (void)parent;
}
static inline bool alloc_fail_now(void)
{
    return false;
}
#endif
