/* What the futex calls do with the threads that are parked at a word of their address space (park.h). */

#include "task/futex.h"
#include "mm/space.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>

#define COMPARE_TRIES 16

/* What one piece of a call does at most. To wake a thread costs some 300 instructions, and more with many
 * CPUs; to pass one over that has none of the bits, some 20. */
enum cost { COST_PASS = 1, COST_WAKE = 16, COST_PIECE = 64 * COST_WAKE };

static int check(user_addr_t address)
{
    if (address % sizeof(uint32_t))
        return -EINVAL;
    return user_range_ok(address, sizeof(uint32_t)) ? 0 : -EFAULT;
}

/* A requeue holds two buckets, the lower one first. */
static void lock_pair(struct park_bucket *a, struct park_bucket *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spin_lock_as(a < b ? &b->lock : &a->lock, LOCK_PARK_SECOND);
}

static void unlock_pair(struct park_bucket *a, struct park_bucket *b)
{
    if (a != b)
        spin_unlock_as(a < b ? &b->lock : &a->lock, LOCK_PARK_SECOND);
    spin_unlock(a < b ? &a->lock : &b->lock);
}

/* Locks the pair (twice the same: one) and compares *address with `expected`. No page may be
 * brought in under the locks: that is done without, and all tried again; where others take the page away
 * each time, by a new call. 0, -EAGAIN or -EFAULT; the locks are held after 0 only. */
static int lock_if_equal(struct park_bucket *a, struct park_bucket *b, user_addr_t address,
                         uint32_t expected)
{
    for (unsigned tries = 0; tries < COMPARE_TRIES; tries++) {
        uint32_t value;
        lock_pair(a, b);
        int error = peek_user_u32(&value, address);
#ifdef FAULT_lost_wake
        value = expected;
#endif
        if (!error && value == expected)
            return 0;
        unlock_pair(a, b);
        if (!error)
            return -EAGAIN;
        if (copy_from_user(&value, address, sizeof(value)))
            return -EFAULT;
    }
    sched_call_again();
    return -EAGAIN; /* which ring 3 does not see */
}

long futex_wait(user_addr_t address, uint32_t expected, uint32_t bits, uint64_t deadline)
{
    int error = bits ? check(address) : -EINVAL;
    if (error)
        return error;
    struct thread *thread = this_cpu->current;
    struct space *space = thread->process->space;
    struct park_bucket *bucket = park_bucket(space, address);
    error = lock_if_equal(bucket, bucket, address, expected);
    if (error)
        return error;
    thread->futex_bits = bits;
    park_enter(bucket, thread, space, address);
    sched_block(WAIT_FUTEX, deadline);
    spin_unlock(&bucket->lock);
    return 0;
}

/* With both buckets locked. False: there is more to do than one piece may. */
static bool do_piece(struct futex_call *call, struct park_bucket *from, struct park_bucket *to)
{
    unsigned cost = 0;
    const struct space *space = this_cpu->current->process->space;
    struct thread *thread = park_first(from, space, call->address, call->ticket), *next;
    for (; thread && thread->parked.ticket < call->end && (call->wake || call->requeue);
         thread = next) {
        if (cost >= COST_PIECE) {
            call->ticket = thread->parked.ticket;
            return false;
        }
        next = park_next(thread);
        if (call->wake && (thread->futex_bits & call->bits)) {
            park_wake(from, thread);
            call->wake--;
        } else if (!call->wake && park_move(from, to, thread, call->target)) {
            call->requeue--;
        } else {
            cost += COST_PASS;
            continue;
        }
        cost += COST_WAKE;
        call->done++;
    }
    return true;
}

/* The buckets are looked up anew: they are not the thread's. Its address space is: it has not changed. */
static void go_on(struct thread *thread, struct trap_frame *frame)
{
    struct futex_call *call = &thread->call.futex;
    const struct space *space = thread->process->space;
    struct park_bucket *from = park_bucket(space, call->address),
                       *to = park_bucket(space, call->target);
    lock_pair(from, to);
    bool done = do_piece(call, from, to);
    unlock_pair(from, to);
    if (done)
        frame->rax = call->done;
    else
        sched_go_on(go_on);
}

static long wake_and_requeue(struct futex_call *call, const uint32_t *expected)
{
    struct thread *thread = this_cpu->current;
    const struct space *space = thread->process->space;
    struct park_bucket *from = park_bucket(space, call->address),
                       *to = park_bucket(space, call->target);
    if (expected) {
        int error = lock_if_equal(from, to, call->address, *expected);
        if (error)
            return error;
    } else {
        lock_pair(from, to);
    }
    call->end = from->tickets;
    bool done = do_piece(call, from, to);
    unlock_pair(from, to);
    if (!done) {
        thread->call.futex = *call;
        sched_go_on(go_on);
    }
    return call->done;
}

long futex_wake(user_addr_t address, unsigned count, uint32_t bits)
{
    int error = bits ? check(address) : -EINVAL;
    if (error)
        return error;
    const struct space *space = this_cpu->current->process->space;
    struct park_bucket *bucket = park_bucket(space, address);
    spin_lock(&bucket->lock);
    /* One of one, or none, is what nearly all calls are about. */
    struct thread *first = count ? park_first(bucket, space, address, 0) : NULL;
    bool one = first && count == 1 && (first->futex_bits & bits);
    if (one)
        park_wake(bucket, first);
    spin_unlock(&bucket->lock);
    if (one || !first)
        return one;
    struct futex_call call = {.address = address, .target = address, .wake = count, .bits = bits};
    return wake_and_requeue(&call, NULL);
}

long futex_requeue(user_addr_t address, unsigned wake, user_addr_t target, unsigned requeue,
                   const uint32_t *expected)
{
    int error = check(address) ? check(address) : check(target);
    if (error)
        return error;
    struct futex_call call = {.address = address,
                              .target = target,
                              .wake = wake,
                              .requeue = address == target ? 0 : requeue,
                              .bits = FUTEX_ALL_BITS};
    return wake_and_requeue(&call, expected);
}
