/* The sorted list of areas. It is short in most programs; a hint makes walks along it quick. */

#include "mm/areas.h"
#include "mm/pool.h"
#include <asm/errno.h>

static struct pool area_pool = POOL("area", struct area);

/* A new list entry, or NULL. */
struct area *area_create(struct space *space)
{
    struct area *area = pool_alloc(&area_pool);
    if (area)
        space->area_count++;
    return area;
}

/* Takes the area that the link leads to out of the list. */
void area_remove(struct space *space, struct area **link)
{
    struct area *area = *link;
    *link = area->next;
    if (space->hint == area)
        space->hint = NULL;
    space->area_count--;
    pool_free(&area_pool, area);
}

/* The link to the first area that ends above the address. Programs work their way along addresses, so
 * the search begins where the last one ended, if it can. */
struct area **area_find(struct space *space, uint64_t address)
{
    struct area **link = &space->areas;
    if (space->hint && space->hint->end <= address)
        link = &space->hint->next;
    for (; *link && (*link)->end <= address; link = &(*link)->next)
        space->hint = *link;
    return link;
}

bool area_is_free(struct space *space, uint64_t start, uint64_t length)
{
    const struct area *next = *area_find(space, start);
    return !next || next->start >= start + length;
}

/* Makes `at` a border between areas, if it lies inside one. 0 or -ENOMEM. */
int area_split(struct space *space, uint64_t at)
{
    struct area *area = *area_find(space, at);
    if (!area || area->start >= at)
        return 0;
    struct area *rest = area_create(space);
    if (!rest)
        return -ENOMEM;
    uint64_t done = at - area->start;
    *rest = *area;
    rest->start = at;
    if (area->file) {
        rest->file = area->file + done;
        rest->file_size = area->file_size > done ? area->file_size - done : 0;
    }
    area->end = at;
    area->next = rest;
    return 0;
}

/* Joins neighbours of one kind that touch [start, end]. */
void area_merge(struct space *space, uint64_t start, uint64_t end)
{
    struct area *area = *area_find(space, start);
    if (space->hint && space->hint->end <= start)
        area = space->hint; /* the one before */
    while (area && area->next && area->next->start <= end) {
        struct area *next = area->next;
        if (area->end == next->start && area->prot == next->prot && !area->file && !next->file) {
            area->end = next->end;
            area_remove(space, &area->next);
        } else {
            area = next;
        }
    }
}

int area_insert(struct space *space, const struct area *model)
{
    struct area *area = space->area_count < AREAS_MAX ? area_create(space) : NULL;
    if (!area)
        return -ENOMEM;
    struct area **link = area_find(space, model->start);
    *area = *model;
    area->next = *link;
    *link = area;
    return 0;
}

/* The highest free range of that length, or 0. */
uint64_t area_find_free(struct space *space, uint64_t length)
{
    uint64_t found = 0, gap = USER_START;
    for (const struct area *area = space->areas;; area = area->next) {
        uint64_t end = area && area->start < space->map_top ? area->start : space->map_top;
        if (end > gap && end - gap >= length)
            found = end - length;
        if (!area)
            return found;
        if (area->end > gap)
            gap = area->end;
    }
}

/* Where the areas that cover `start` without a hole end; start itself if none does. At most `end`. */
uint64_t area_covered_to(struct space *space, uint64_t start, uint64_t end)
{
    const struct area *area = *area_find(space, start);
    for (; area && area->start <= start && start < end; area = area->next)
        start = area->end;
    return start < end ? start : end;
}
