/* Counts the allocations of a program that init runs, its descendants' too, and lets the N-th fail: in the
 * first program the N that the command line says, in the next N + 1, and so on, until a program ends
 * without having come so far. The one behind that begins with N again. */

#include "mm/alloc_fail.h"

#ifdef FAULT_alloc_fail

#include "cpu/cpu.h"
#include "task/process.h"
#include "task/thread.h"
#include <stdatomic.h>

static uint32_t first;          /* constant once set; 0: none fails */
static _Atomic uint32_t number; /* of the allocation that fails in this program */
static _Atomic uint32_t asked;  /* for in this program */
static _Atomic unsigned long failed;
static _Atomic bool hit; /* one has failed in this program */

void alloc_fail_init(uint32_t n)
{
    first = n;
}

void alloc_fail_exec(struct process *process)
{
    /* One at a time, for init runs them so; and its parent is there as long as init is. */
    const struct process *parent = process->parent;
    if (!first || !parent || parent->pid != 1 || process->alloc_fails)
        return;
    number = hit ? number + 1 : first;
    hit = false;
    asked = 0;
    process->alloc_fails = true;
}

void alloc_fail_inherit(struct process *process, const struct process *parent)
{
    process->alloc_fails = parent && parent->alloc_fails;
}

bool alloc_fail_now(void)
{
    const struct thread *thread = this_cpu->current;
    if (!thread || !thread->process->alloc_fails || ++asked != number)
        return false;
    hit = true;
    failed++;
    return true;
}

unsigned long alloc_fail_count(void)
{
    return failed;
}

#endif
