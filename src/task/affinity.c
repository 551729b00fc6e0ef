/* Setting a mask, and getting the thread to where it may be. The scheduler reads masks without a lock, bit
 * by bit, and may do so in the middle of a change: see sched_add. */

#include "task/affinity.h"
#include "lib/string.h"
#include "smp/ipi.h"
#include "task/process.h"
#include "task/run_queue.h"
#include "task/sched.h"
#include "task/thread.h"

#define MOVE_NS 1000000UL /* that a thread is given to leave a CPU */

/* It runs where it may not. */
static long is_elsewhere(struct thread *thread, void *context)
{
    (void)context;
    return thread->on_cpu && !thread_allowed(thread, thread->home->index);
}

/* Under process_lock. 1: it was told to leave its CPU. */
static long set_mask(struct thread *thread, void *mask)
{
    const uint64_t *words = mask;
    for (size_t i = 0; i < affinity_words(); i++)
        __atomic_store_n(&thread->affinity[i], words[i], __ATOMIC_RELAXED);
    atomic_thread_fence(
        memory_order_seq_cst); /* an order is given first, and then looked where it is */
    if (thread == this_cpu->current) {
        this_cpu->work |= WORK_THREAD;
        return 0;
    }
    /* If it is on its way from one place to another just now, who moves it sees the order. */
    struct cpu *home = thread->home;
    spin_lock(&home->run_queue.lock);
    bool requeue = thread->queue == &home->run_queue && !thread_allowed(thread, home->index);
    if (requeue)
        run_queue_remove(&home->run_queue, thread);
    spin_unlock(&home->run_queue.lock);
    if (requeue)
        sched_add(thread);
    if (!is_elsewhere(thread, NULL))
        return 0;
    ipi_reschedule(thread->home->index);
    return 1;
}

static void wait_until_moved(struct thread *thread, struct trap_frame *frame)
{
    struct affinity_call *call = &thread->call.affinity;
    (void)frame; /* where the result stands already */
    if (with_thread(call->tid, is_elsewhere, NULL) == 1 && !patience_is_over(&call->patience))
        sched_go_on(wait_until_moved);
}

long affinity_set(int tid, const uint64_t *mask)
{
    struct thread *self = this_cpu->current;
    if (tid == 0) {
        spin_lock(&process_lock);
        set_mask(self, (void *)mask);
        spin_unlock(&process_lock);
        return 0;
    }
    long result = with_thread(tid, set_mask, (void *)mask);
    if (result <= 0)
        return result;
    self->call.affinity = (struct affinity_call){.tid = tid, .patience = patience_of(MOVE_NS)};
    sched_go_on(wait_until_moved);
    return 0;
}

static long get_mask(struct thread *thread, void *mask)
{
    memcpy(mask, thread->affinity, affinity_words() * sizeof(thread->affinity[0]));
    return 0;
}

long affinity_get(int tid, uint64_t *mask)
{
    return with_thread(tid ? tid : this_cpu->current->tid, get_mask, mask);
}

void affinity_copy(struct thread *to, const struct thread *from)
{
    get_mask((struct thread *)from, to->affinity);
}
