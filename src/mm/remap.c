/* mremap: an area grows, shrinks, or moves with its pages. A move makes the tables for the new place first:
 * then nothing can fail between the first page that moves and the last. */

#include "mm/changes.h"
#include "mm/pages.h"
#include <asm/errno.h>
#include <linux/mman.h>

/* Bytes that the mapping keeps. */
static uint64_t kept(const struct space_change *change)
{
    return change->old_length < change->new_length ? change->old_length : change->new_length;
}

#ifndef SMALL             /* the unit tests cut finer */
#define SMALL (1UL << 20) /* bytes: all steps of it are no more than a piece */
#endif

static int next(struct space *space, struct space_change *change,
                int (*step)(struct space *, struct space_change *))
{
    change->step = step;
    return change->old_length > SMALL || change->new_length > SMALL ? SPACE_MORE
                                                                    : step(space, change);
}

/* [start, end) is what has to go yet. */
static int tail_step(struct space *space, struct space_change *change)
{
    if (!space_empty(space, &change->start, change->end))
        return SPACE_MORE;
    area_merge(space, change->new, change->new + change->new_length);
    return change_done(change, (int64_t)change->new);
}

/* Tables were made, and nothing is in them. */
static int undo_step(struct space *space, struct space_change *change)
{
    if (!space_empty(space, &change->start, change->end))
        return SPACE_MORE;
    area_merge(space, change->old, change->old + change->old_length);
    return change_done(change, -ENOMEM);
}

static int give_up(struct space *space, struct space_change *change)
{
    change->start = change->new;
    change->end = change->new + change->new_length;
    return next(space, change, undo_step);
}

static int move_step(struct space *space, struct space_change *change)
{
    uint64_t from = change->start, to = change->new + (from - change->old);
    struct area *source = area_find(space, from);
    if (from == change->old) {
        struct area target = *source;
        target.start = to;
        target.end = to + PAGE_SIZE;
        if (area_insert(space, &target))
            return give_up(space, change);
    }
    uint64_t stop = pages_move(space, from, change->end, to);
    (void)pages_zap(space, from, stop); /* the tables that are empty now; it needs less work */
    area_set_end(space, area_find(space, to - (from > change->old)), to + (stop - from));
    if (source->end == stop)
        area_remove(space, source);
    else
        area_set_start(space, source, stop);
    change->start = stop;
    if (stop < change->end)
        return SPACE_MORE;
    if (change->new_length > change->old_length)
        area_set_end(space, area_find(space, change->new), change->new + change->new_length);
    change->end = change->old + change->old_length; /* a rest that the mapping does not keep */
    return next(space, change, tail_step);
}

static int prepare_step(struct space *space, struct space_change *change)
{
    int error;
    change->start = pages_prepare_move(space, change->start, change->end,
                                       change->new + (change->start - change->old), &error);
    if (error)
        return give_up(space, change);
    if (change->start < change->end)
        return SPACE_MORE;
    if (area_split(space, change->old) || area_split(space, change->old + change->old_length))
        return give_up(space, change);
    change->start = change->old;
    return next(space, change, move_step);
}

static int begin_move(struct space *space, struct space_change *change)
{
    change->start = change->old;
    change->end = change->old + kept(change);
    return next(space, change, prepare_step);
}

/* [start, end) is the new place, and free when it is done. */
static int clear_step(struct space *space, struct space_change *change)
{
    return space_empty(space, &change->start, change->end) ? begin_move(space, change) : SPACE_MORE;
}

static int grow_or_move(struct space *space, struct space_change *change, struct area *area)
{
    uint64_t end = change->old + change->old_length, more = change->new_length - change->old_length;
    if (area->end == end && more <= USER_END - end && area_is_free(space, end, more)) {
        area_set_end(space, area, end + more);
        area_merge(space, change->old, end + more);
        return change_done(change, (int64_t)change->old);
    }
    change->new = change->flags &MREMAP_MAYMOVE ? area_find_free(space, change->new_length) : 0;
    return change->new ? begin_move(space, change) : change_done(change, -ENOMEM);
}

static int begin_step(struct space *space, struct space_change *change)
{
    struct area *area = area_find(space, change->old);
    if (!area || area->start > change->old || area->end < change->old + change->old_length)
        return change_done(change, -EFAULT);
    if (space->area_count > AREAS_MAX - 3) /* the new one, and a border at each end of the old */
        return change_done(change, -ENOMEM);
    bool fixed = change->flags & MREMAP_FIXED;
    if (!fixed && change->new_length > change->old_length)
        return grow_or_move(space, change, area);
    if (!fixed) {
        change->new = change->old;
        change->start = change->old + change->new_length;
        change->end = change->old + change->old_length;
        return space_cut(space, change->start, change->end) ? change_done(change, -ENOMEM)
                                                            : next(space, change, tail_step);
    }
    change->start = change->new;
    change->end = change->new + change->new_length;
    return space_cut(space, change->start, change->end) ? change_done(change, -ENOMEM)
                                                        : next(space, change, clear_step);
}

void change_remap(struct space_change *change, uint64_t old, uint64_t old_length,
                  uint64_t new_length, uint32_t flags, uint64_t new_address)
{
    *change = (struct space_change){.step = begin_step,
                                    .old = old,
                                    .old_length = old_length,
                                    .new = new_address,
                                    .new_length = new_length,
                                    .flags = flags};
}
