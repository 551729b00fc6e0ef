/* A fixed table of buckets, each a lock and a queue in order of arrival. */

#include "task/futex.h"
#include "mm/space.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>

#define BUCKETS 256

struct futex_bucket {
    struct spinlock lock; /* rank LOCK_FUTEX; guards the queue and its threads' futex members */
    struct thread *head;
} __attribute__((aligned(64)));

static struct futex_bucket buckets[BUCKETS] = {
    [0 ... BUCKETS - 1] = {.lock = SPINLOCK("futex", LOCK_FUTEX)}};

static struct futex_bucket *bucket_of(const struct space *space, user_addr_t address)
{
    uint64_t key = (uint64_t)space ^ address;
    return &buckets[key * 0x9e3779b97f4a7c15UL >> 56]; /* Fibonacci hashing, the top 8 bits */
}

static bool waits_for(const struct thread *thread, const struct space *space, user_addr_t address)
{
    return thread->futex_space == space && thread->futex_address == address;
}

static int check(user_addr_t address)
{
    if (address % sizeof(uint32_t))
        return -EINVAL;
    return user_range_ok(address, sizeof(uint32_t)) ? 0 : -EFAULT;
}

static void append(struct futex_bucket *bucket, struct thread *thread)
{
    struct thread **link = &bucket->head;
    while (*link)
        link = &(*link)->futex_next;
    thread->futex_next = NULL;
    *link = thread;
    thread->bucket = bucket;
}

/* A requeue holds two buckets, the lower one first. */
static void lock_pair(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spin_lock_as(a < b ? &b->lock : &a->lock, LOCK_FUTEX_SECOND);
}

static void unlock_pair(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a != b)
        spin_unlock_as(a < b ? &b->lock : &a->lock, LOCK_FUTEX_SECOND);
    spin_unlock(a < b ? &a->lock : &b->lock);
}

/* Locks the pair (twice the same: one) and compares *address with `expected`. No page may be
 * brought in under the locks: that is done without, and all tried again. 0, -EAGAIN or -EFAULT; the
 * locks are held after 0 only. */
static int lock_if_equal(struct futex_bucket *a, struct futex_bucket *b, user_addr_t address,
                         uint32_t expected)
{
    for (;;) {
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
}

long futex_wait(user_addr_t address, uint32_t expected, uint32_t bits, uint64_t deadline)
{
    int error = bits ? check(address) : -EINVAL;
    if (error)
        return error;
    struct thread *thread = this_cpu->current;
    struct space *space = thread->process->space;
    struct futex_bucket *bucket = bucket_of(space, address);
    error = lock_if_equal(bucket, bucket, address, expected);
    if (error)
        return error;
    thread->futex_space = space;
    thread->futex_address = address;
    thread->futex_bits = bits;
    append(bucket, thread);
    sched_block(WAIT_FUTEX, deadline);
    spin_unlock(&bucket->lock);
    return 0;
}

/* Wakes from a locked bucket. */
static unsigned wake_locked(struct futex_bucket *bucket, const struct space *space,
                            user_addr_t address, unsigned count, uint32_t bits)
{
    unsigned woken = 0;
    for (struct thread **link = &bucket->head; *link && woken < count;) {
        struct thread *thread = *link;
        if (!waits_for(thread, space, address) || !(thread->futex_bits & bits)) {
            link = &thread->futex_next;
            continue;
        }
        *link = thread->futex_next;
        sched_wake(thread);
        thread->bucket =
            NULL; /* last: whoever sees it knows that this CPU is done with the thread */
        woken++;
    }
    return woken;
}

long futex_wake(user_addr_t address, unsigned count, uint32_t bits)
{
    int error = bits ? check(address) : -EINVAL;
    if (error)
        return error;
    struct space *space = this_cpu->current->process->space;
    struct futex_bucket *bucket = bucket_of(space, address);
    spin_lock(&bucket->lock);
    unsigned woken = wake_locked(bucket, space, address, count, bits);
    spin_unlock(&bucket->lock);
    return woken;
}

long futex_requeue(user_addr_t address, unsigned wake, user_addr_t target, unsigned requeue,
                   const uint32_t *expected)
{
    int error = check(address) ? check(address) : check(target);
    if (error)
        return error;
    struct space *space = this_cpu->current->process->space;
    struct futex_bucket *from = bucket_of(space, address), *to = bucket_of(space, target);
    if (expected) {
        error = lock_if_equal(from, to, address, *expected);
        if (error)
            return error;
    } else {
        lock_pair(from, to);
    }
    unsigned woken = wake_locked(from, space, address, wake, FUTEX_ALL_BITS), moved = 0;
    for (struct thread **link = &from->head; *link && moved < requeue && address != target;) {
        struct thread *thread = *link;
        if (!waits_for(thread, space, address)) {
            link = &thread->futex_next;
            continue;
        }
        *link = thread->futex_next;
        thread->futex_address = target;
        append(to, thread);
        moved++;
    }
    unlock_pair(from, to);
    return woken + moved;
}

bool futex_cancel(struct thread *thread)
{
    struct futex_bucket *bucket;
    while ((bucket = thread->bucket)) {
        spin_lock(&bucket->lock);
        bool queued = thread->bucket == bucket; /* not woken nor moved meanwhile */
        if (queued) {
            struct thread **link = &bucket->head;
            while (*link != thread)
                link = &(*link)->futex_next;
            *link = thread->futex_next;
            thread->bucket = NULL;
        }
        spin_unlock(&bucket->lock);
        if (queued)
            return true;
    }
    return false;
}
