/* Each CPU keeps the threads that fell asleep on it, sorted by deadline; its timer is set to the
 * first. */

#include "task/sleep.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "task/sched.h"
#include "task/thread.h"

void sleep_until(struct thread *thread, uint64_t deadline)
{
    struct sleepers *sleepers = &this_cpu->self->sleepers;
    thread->deadline = deadline;
    thread->sleep_cpu = this_cpu->self;
    spin_lock(&sleepers->lock);
    struct thread **link = &sleepers->head;
    while (*link && (*link)->deadline <= deadline)
        link = &(*link)->sleep_next;
    thread->sleep_next = *link;
    *link = thread;
    thread->sleeping = true;
    spin_unlock(&sleepers->lock);
    timer_program(clock_boot_ns());
}

void sleep_cancel(struct thread *thread)
{
    if (!thread->sleep_cpu)
        return;
    struct sleepers *sleepers = &thread->sleep_cpu->sleepers;
    spin_lock(&sleepers->lock);
    if (thread->sleeping) {
        struct thread **link = &sleepers->head;
        while (*link != thread)
            link = &(*link)->sleep_next;
        *link = thread->sleep_next;
        thread->sleeping = false;
    }
    spin_unlock(&sleepers->lock);
    thread->sleep_cpu = NULL;
}

void sleepers_wake(uint64_t now)
{
    struct sleepers *sleepers = &this_cpu->self->sleepers;
    spin_lock(&sleepers->lock);
    while (sleepers->head && sleepers->head->deadline <= now) {
        struct thread *thread = sleepers->head;
        sleepers->head = thread->sleep_next;
        thread->sleeping = false;
        sched_wake(thread);
    }
    spin_unlock(&sleepers->lock);
}

void timer_program(uint64_t now)
{
    struct cpu *cpu = this_cpu->self;
    uint64_t deadline = cpu->current ? cpu->slice_end : UINT64_MAX;
    spin_lock(&cpu->sleepers.lock);
    if (cpu->sleepers.head && cpu->sleepers.head->deadline < deadline)
        deadline = cpu->sleepers.head->deadline;
    spin_unlock(&cpu->sleepers.lock);
    /* An earlier interrupt that is already due does no harm: its handler sets the next one. */
    if (deadline >= cpu->timer_deadline)
        return;
    cpu->timer_deadline = deadline;
    apic_timer_set(deadline > now ? deadline - now : 0);
}
