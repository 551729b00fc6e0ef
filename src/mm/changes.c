/* Changing an address space, a piece at a time. Between two pieces other threads of the process run, fault
 * pages in, and see some of the change: what is here must be in order whenever the lock is free. But nobody
 * else changes what lies where: the space belongs to the one whose change is under way. */

#include "mm/changes.h"
#include "mm/pages.h"
#include <asm/errno.h>
#include <linux/mman.h>

#define HOLES_A_PIECE 64U
#define SMALL_DISCARD (16 * PAGE_SIZE) /* between two holes: not a piece of its own */

int space_change(struct space *space, const void *who, struct space_change *change)
{
    int state = SPACE_BUSY;
    spin_lock(&space->lock);
    if (!space->changer || space->changer == who) {
        state = change->step(space, change);
        space->changer = state == SPACE_MORE ? who : NULL;
    }
    spin_unlock(&space->lock);
    return state;
}

bool space_let_go(struct space *space, const void *who)
{
    spin_lock(&space->lock);
    bool held = space->changer == who;
    if (held)
        space->changer = NULL;
    spin_unlock(&space->lock);
    return held;
}

/* Where the areas end that a piece takes on. */
static uint64_t areas_end(struct space *space, uint64_t start, uint64_t end)
{
    const struct area *area = area_find(space, start);
    for (unsigned n = 1; area && area->start < end; area = area_next(area), n++)
        if (n == AREAS_A_PIECE)
            return area->end < end ? area->end : end;
    return end;
}

bool space_empty(struct space *space, uint64_t *at, uint64_t end)
{
    uint64_t stop = pages_zap(space, *at, areas_end(space, *at, end));
    struct area *next;
    for (struct area *area = area_find(space, *at); area && area->start < stop; area = next) {
        next = area_next(area);
        if (area->end <= stop)
            area_remove(space, area);
        else
            area_set_start(space, area, stop);
    }
    *at = stop;
    return stop == end;
}

int space_cut(struct space *space, uint64_t start, uint64_t end)
{
    struct area *area = area_find(space, start);
    if (!area || area->start >= start)
        return 0;
    if (area->end > end && area_split(space, end))
        return -ENOMEM;
    area_set_end(space, area, start);
    return 0;
}

static int unmap_step(struct space *space, struct space_change *change)
{
    if (!change->begun && space_cut(space, change->start, change->end))
        return change_done(change, -ENOMEM);
    change->begun = true;
    return space_empty(space, &change->start, change->end) ? SPACE_DONE : SPACE_MORE;
}

void change_unmap(struct space_change *change, uint64_t start, uint64_t length)
{
    *change = (struct space_change){.step = unmap_step, .start = start, .end = start + length};
}

static int map_over_step(struct space *space, struct space_change *change)
{
    uint64_t from = change->start;
    if (!change->begun && (space->area_count >= AREAS_MAX || area_split(space, from) ||
                           area_split(space, change->end)))
        return change_done(change, -ENOMEM);
    bool all = space_empty(space, &change->start, change->end);
    const struct area area = {.start = from,
                              .end = change->start,
                              .prot = change->prot,
                              .file = change->file,
                              .file_size = change->file_size};
    if (change->begun)
        area_set_end(space, area_find(space, from - 1), change->start);
    else if (area_insert(space, &area))
        return change_done(change, -ENOMEM);
    change->begun = true;
    if (!all)
        return SPACE_MORE;
    area_merge(space, change->origin, change->end);
    return change_done(change, (int64_t)change->origin);
}

void change_map_over(struct space_change *change, uint64_t start, uint64_t length, uint32_t prot,
                     const uint8_t *file, uint64_t file_size)
{
    *change = (struct space_change){.step = map_over_step,
                                    .start = start,
                                    .end = start + length,
                                    .origin = start,
                                    .prot = prot,
                                    .file = file,
                                    .file_size = file_size};
}

static int map_step(struct space *space, struct space_change *change)
{
    uint64_t start = change->start, length = change->end - change->start;
    bool fits = start >= USER_START && length <= USER_END && start <= USER_END - length &&
                area_is_free(space, start, length);
    if (!fits && change->only_hint)
        return change_done(change, -EEXIST);
    if (!fits)
        start = area_find_free(space, length);
    const struct area area = {.start = start,
                              .end = start + length,
                              .prot = change->prot,
                              .file = change->file,
                              .file_size = change->file_size};
    if (!start || area_add(space, &area))
        return change_done(change, -ENOMEM);
    return change_done(change, (int64_t)start);
}

void change_map(struct space_change *change, uint64_t hint, bool only_hint, uint64_t length,
                uint32_t prot, const uint8_t *file, uint64_t file_size)
{
    *change = (struct space_change){.step = map_step,
                                    .start = hint,
                                    .end = hint + length,
                                    .only_hint = only_hint,
                                    .prot = prot,
                                    .file = file,
                                    .file_size = file_size};
}

/* Makes a border where areas of the new rights and of others will meet. 0 or -ENOMEM. */
static int protect_border(struct space *space, uint64_t at, uint32_t prot)
{
    const struct area *area = area_find(space, at);
    return area && area->prot != prot ? area_split(space, at) : 0;
}

/* Takes on the next areas: they have their new rights before their pages have. A fault on one of these
 * goes by the area (pages_fault). 0, or -ENOMEM: a hole, or no memory for a border. */
static int protect_areas(struct space *space, struct space_change *change)
{
    uint64_t from = change->start;
    uint64_t to = area_covered_to(space, from, change->end, AREAS_A_PIECE);
    if (to == from || protect_border(space, from, change->prot) ||
        protect_border(space, to, change->prot))
        return -ENOMEM;
    for (struct area *area = area_find(space, from); area && area->start < to;
         area = area_next(area))
        area->prot = change->prot;
    change->origin = from;
    change->reached = to;
    return 0;
}

static int protect_step(struct space *space, struct space_change *change)
{
    if (change->start == change->reached || !change->begun) {
        if (protect_areas(space, change))
            return change_done(change, -ENOMEM);
        change->begun = true;
    }
    change->start = pages_protect(space, change->start, change->reached, change->prot);
    if (change->start == change->reached)
        area_merge(space, change->origin, change->reached);
    return change->start == change->end ? SPACE_DONE : SPACE_MORE;
}

void change_protect(struct space_change *change, uint64_t start, uint64_t length, uint32_t prot)
{
    *change = (struct space_change){
        .step = protect_step, .start = start, .end = start + length, .prot = prot};
}

static int discard_step(struct space *space, struct space_change *change)
{
    for (unsigned n = 0; n < HOLES_A_PIECE && change->start < change->end; n++) {
        uint64_t to = area_covered_to(space, change->start, change->end, AREAS_A_PIECE);
        if (to > change->start) {
            bool small = to - change->start <= SMALL_DISCARD;
            change->start = pages_zap(space, change->start, to);
            if (change->start < to || (!small && to < change->end))
                return SPACE_MORE;
            continue;
        }
        change->result = -ENOMEM;
        const struct area *next = area_find(space, to);
        change->start = next && next->start < change->end ? next->start : change->end;
    }
    return change->start == change->end ? SPACE_DONE : SPACE_MORE;
}

void change_discard(struct space_change *change, uint64_t start, uint64_t length)
{
    *change = (struct space_change){.step = discard_step, .start = start, .end = start + length};
}

static int shrink_brk_step(struct space *space, struct space_change *change)
{
    if (unmap_step(space, change) == SPACE_MORE)
        return SPACE_MORE;
    if (!change->result)
        space->brk = change->new;
    return change_done(change, (int64_t)space->brk);
}

static int brk_step(struct space *space, struct space_change *change)
{
    uint64_t brk = change->new;
    uint64_t old_end = (space->brk + PAGE_SIZE - 1) & PAGE_MASK;
    uint64_t new_end = (brk + PAGE_SIZE - 1) & PAGE_MASK;
    if (brk < space->brk_start || brk > USER_END)
        return change_done(change, (int64_t)space->brk);
    if (new_end < old_end) {
        change->step = shrink_brk_step;
        change->start = new_end;
        change->end = old_end;
        return change->step(space, change);
    }
    const struct area area = {.start = old_end, .end = new_end, .prot = PROT_READ | PROT_WRITE};
    if (new_end == old_end ||
        (area_is_free(space, old_end, new_end - old_end) && !area_insert(space, &area)))
        space->brk = brk;
    area_merge(space, old_end, new_end);
    return change_done(change, (int64_t)space->brk);
}

void change_brk(struct space_change *change, uint64_t brk)
{
    *change = (struct space_change){.step = brk_step, .new = brk};
}
