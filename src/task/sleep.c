/* Each CPU keeps the threads that fell asleep on it, in a tree by deadline; its timer is set to the
 * first. */

#include "task/sleep.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "task/sched.h"
#include "task/thread.h"

/* An interrupt wakes so many; if more are due the next one follows at once. */
#define WAKE_MOST 64

static struct thread *first_of(const struct sleepers *sleepers)
{
    struct tree_node *node = tree_first(&sleepers->tree);
    return node ? tree_entry(node, struct thread, sleep_node) : NULL;
}

/* timer_program reads it without the lock. */
static void set_none_before(struct sleepers *sleepers, uint64_t deadline)
{
    __atomic_store_n(&sleepers->none_before, deadline, __ATOMIC_RELAXED);
}

static void remove(struct sleepers *sleepers, struct thread *thread)
{
    tree_remove(&sleepers->tree, &thread->sleep_node);
    thread->sleeping = false;
    const struct thread *first = first_of(sleepers);
    set_none_before(sleepers, first ? first->deadline : UINT64_MAX);
}

/* Behind those of the same deadline. */
static void insert(struct sleepers *sleepers, struct thread *thread)
{
    struct tree_node *parent = NULL, **link = &sleepers->tree.root;
    while (*link) {
        parent = *link;
        link = tree_entry(parent, struct thread, sleep_node)->deadline <= thread->deadline
                   ? &parent->right
                   : &parent->left;
    }
    tree_insert(&sleepers->tree, &thread->sleep_node, parent, link);
    thread->sleeping = true;
    if (thread->deadline < sleepers->none_before)
        set_none_before(sleepers, thread->deadline);
}

void sleep_until(struct thread *thread, uint64_t deadline)
{
    struct sleepers *sleepers = &this_cpu->self->sleepers;
    thread->deadline = deadline;
    thread->sleep_cpu = this_cpu->self;
    spin_lock(&sleepers->lock);
    insert(sleepers, thread);
    spin_unlock(&sleepers->lock);
    timer_program(clock_boot_ns());
}

void sleep_cancel(struct thread *thread)
{
    if (!thread->sleep_cpu)
        return;
    struct sleepers *sleepers = &thread->sleep_cpu->sleepers;
    spin_lock(&sleepers->lock);
    if (thread->sleeping)
        remove(sleepers, thread);
    spin_unlock(&sleepers->lock);
    thread->sleep_cpu = NULL;
}

void sleepers_wake(uint64_t now)
{
    struct sleepers *sleepers = &this_cpu->self->sleepers;
    struct thread *thread;
    spin_lock(&sleepers->lock);
    for (unsigned n = 0; n < WAKE_MOST && (thread = first_of(sleepers)) && thread->deadline <= now;
         n++) {
        remove(sleepers, thread);
        sched_wake(thread);
    }
    spin_unlock(&sleepers->lock);
}

void timer_program(uint64_t now)
{
    struct cpu *cpu = this_cpu->self;
    uint64_t deadline = cpu->current ? cpu->slice_end : UINT64_MAX;
    /* Without the lock: an earlier one comes by this CPU alone. */
    uint64_t sleeper = __atomic_load_n(&cpu->sleepers.none_before, __ATOMIC_RELAXED);
    if (sleeper < deadline)
        deadline = sleeper;
    /* An earlier interrupt that is already due does no harm: its handler sets the next one. */
    if (deadline >= cpu->timer_deadline)
        return;
    cpu->timer_deadline = deadline;
    apic_timer_set(deadline > now ? deadline - now : 0);
}
