/* The table of parked threads: 256 buckets, each a lock and a tree. */

#include "task/park.h"
#include "task/sched.h"
#include "task/thread.h"

#define BUCKETS 256

static struct park_bucket buckets[BUCKETS] = {
    [0 ... BUCKETS - 1] = {.lock = SPINLOCK("parked", LOCK_PARK)}};

struct park_bucket *park_bucket(const void *object, uint64_t number)
{
    uint64_t key = (uint64_t)object ^ number;
    return &buckets[key * 0x9e3779b97f4a7c15UL >> 56]; /* Fibonacci hashing, the top 8 bits */
}

static struct thread *thread_of(struct tree_node *node)
{
    return tree_entry(node, struct thread, parked.node);
}

static bool before(const struct parked *place, const void *object, uint64_t number, uint64_t ticket)
{
    if (place->object != object)
        return place->object < object;
    return place->number != number ? place->number < number : place->ticket < ticket;
}

void park_enter(struct park_bucket *bucket, struct thread *thread, const void *object,
                uint64_t number)
{
    struct parked *place = &thread->parked;
    place->object = object;
    place->number = number;
    place->ticket = bucket->tickets++;
    place->leaving = false;
    struct tree_node *parent = NULL, **link = &bucket->waiters.root;
    while (*link) {
        parent = *link;
        link = before(&thread_of(parent)->parked, object, number, place->ticket) ? &parent->right
                                                                                 : &parent->left;
    }
    tree_insert(&bucket->waiters, &place->node, parent, link);
    place->bucket = bucket;
}

void park_wake(struct park_bucket *bucket, struct thread *thread)
{
    tree_remove(&bucket->waiters, &thread->parked.node);
    sched_wake(thread);
    /* Last: whoever sees it knows that this CPU is done with the thread. */
    atomic_store_explicit(&thread->parked.bucket, NULL, memory_order_release);
}

bool park_move(struct park_bucket *from, struct park_bucket *to, struct thread *thread,
               uint64_t number)
{
    if (thread->parked.leaving)
        return false;
    tree_remove(&from->waiters, &thread->parked.node);
    park_enter(to, thread, thread->parked.object, number);
    return true;
}

struct thread *park_first(const struct park_bucket *bucket, const void *object, uint64_t number,
                          uint64_t ticket)
{
    struct thread *first = NULL;
    for (struct tree_node *node = bucket->waiters.root; node;) {
        struct thread *thread = thread_of(node);
        bool earlier = before(&thread->parked, object, number, ticket);
        if (!earlier)
            first = thread;
        node = earlier ? node->right : node->left;
    }
    bool same = first && first->parked.object == object && first->parked.number == number;
    return same ? first : NULL;
}

struct thread *park_next(const struct thread *thread)
{
    const struct parked *place = &thread->parked;
    struct tree_node *node = tree_next(&place->node);
    struct thread *next = node ? thread_of(node) : NULL;
    bool same =
        next && next->parked.object == place->object && next->parked.number == place->number;
    return same ? next : NULL;
}

bool park(const void *object, uint64_t number, bool (*still)(const void *object), enum wait wait)
{
    struct park_bucket *bucket = park_bucket(object, number);
    spin_lock(&bucket->lock);
    bool stays = still(object);
    if (stays) {
        park_enter(bucket, this_cpu->current, object, number);
        sched_block(wait, UINT64_MAX);
    }
    spin_unlock(&bucket->lock);
    return stays;
}

unsigned unpark(const void *object, uint64_t number, unsigned most)
{
    struct park_bucket *bucket = park_bucket(object, number);
    struct thread *thread;
    unsigned woken = 0;
    spin_lock(&bucket->lock);
    for (; woken < most && (thread = park_first(bucket, object, number, 0)); woken++)
        park_wake(bucket, thread);
    spin_unlock(&bucket->lock);
    return woken;
}

bool park_leave(struct thread *thread)
{
    struct park_bucket *bucket;
    if (!thread->parked.bucket)
        return false;
    /* After that it can be moved by those only who have the locks already: a second try or a third is the
     * last, whatever others do. */
    thread->parked.leaving = true;
    while ((bucket = thread->parked.bucket)) {
        spin_lock(&bucket->lock);
        bool parked = thread->parked.bucket == bucket; /* not woken nor moved meanwhile */
        if (parked) {
            tree_remove(&bucket->waiters, &thread->parked.node);
            thread->parked.bucket = NULL;
        }
        spin_unlock(&bucket->lock);
        if (parked)
            return true;
    }
    return false;
}
