/* The tree of areas. Each area knows how much is free below it, and how much at most below any of its
 * subtree, so that the highest place that is wide enough is found on one way down. */

#include "mm/areas.h"
#include "mm/pool.h"
#include "mm/space.h"
#include <asm/errno.h>

static struct pool area_pool = POOL("area", struct area);

static struct area *area_of(struct tree_node *node)
{
    return node ? tree_entry(node, struct area, node) : NULL;
}

static uint64_t widest(struct tree_node *node)
{
    return node ? area_of(node)->widest : 0;
}

static bool update(struct tree_node *node)
{
    struct area *area = area_of(node);
    uint64_t left = widest(node->left), right = widest(node->right);
    uint64_t below = left > right ? left : right, before = area->widest;
    area->widest = area->gap > below ? area->gap : below;
    return area->widest != before;
}

void areas_init(struct space *space)
{
    space->areas = (struct tree){.update = update};
}

struct area *area_next(const struct area *area)
{
    return area_of(tree_next(&area->node));
}

struct area *area_last(const struct space *space)
{
    return area_of(tree_last(&space->areas));
}

/* The one before it; of NULL, the last. */
static struct area *area_before(const struct space *space, const struct area *area)
{
    return area_of(area ? tree_previous(&area->node) : tree_last(&space->areas));
}

static uint64_t gap_between(const struct area *below, const struct area *area)
{
    uint64_t from = below ? below->end : USER_START;
    return area->start > from ? area->start - from : 0;
}

/* The end of what is below it, NULL: nothing, or its start has changed. */
static void set_gap(struct space *space, const struct area *below, struct area *area)
{
    uint64_t gap = area ? gap_between(below, area) : 0;
    if (!area || gap == area->gap)
        return;
    area->gap = gap;
    tree_changed(&space->areas, &area->node);
}

static struct area *find(const struct space *space, uint64_t address)
{
    struct area *found = NULL;
    for (struct tree_node *node = space->areas.root; node;) {
        struct area *area = area_of(node);
        if (area->end > address) {
            found = area;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

/* Programs touch what they touched last: that one is asked first. */
struct area *area_find(struct space *space, uint64_t address)
{
    struct area *hint = space->hint;
    if (!hint || address < hint->start || address >= hint->end)
        space->hint = hint = find(space, address);
    return hint;
}

/* A new area between two that are neighbours, each perhaps NULL: one of the two has room on that side. */
static void enter(struct space *space, struct area *area, struct area *below, struct area *above)
{
    area->gap = gap_between(below, area);
    area->widest = 0;
    if (above && !above->node.left)
        tree_insert(&space->areas, &area->node, &above->node, &above->node.left);
    else if (below)
        tree_insert(&space->areas, &area->node, &below->node, &below->node.right);
    else
        tree_insert(&space->areas, &area->node, NULL, &space->areas.root);
    space->area_count++;
    set_gap(space, area, above);
}

static struct area *allocate(const struct space *space)
{
    return space->area_count < AREAS_MAX ? pool_alloc(&area_pool) : NULL;
}

int area_insert(struct space *space, const struct area *model)
{
    struct area *area = allocate(space), *above = find(space, model->start);
    if (!area)
        return -ENOMEM;
    *area = *model;
    enter(space, area, area_before(space, above), above);
    return 0;
}

static bool alike(const struct area *a, const struct area *b)
{
    return a->prot == b->prot && !a->file && !b->file;
}

int area_add(struct space *space, const struct area *model)
{
    struct area *above = find(space, model->start), *below = area_before(space, above);
    bool joins_below = below && below->end == model->start && alike(below, model);
    bool joins_above = above && above->start == model->end && alike(above, model);
    if (joins_below) {
        below->end = joins_above ? above->end : model->end;
        if (joins_above)
            area_remove(space, above);
        else
            set_gap(space, below, above);
        return 0;
    }
    if (joins_above) {
        above->start = model->start;
        set_gap(space, below, above);
        return 0;
    }
    return area_insert(space, model);
}

void area_remove(struct space *space, struct area *area)
{
    struct area *above = area_next(area);
    const struct area *below = area_before(space, area);
    if (space->hint == area)
        space->hint = NULL;
    tree_remove(&space->areas, &area->node);
    space->area_count--;
    pool_free(&area_pool, area);
    set_gap(space, below, above);
}

/* Its first bytes are no longer its own. */
static void cut_front(struct area *area, uint64_t start)
{
    uint64_t gone = start - area->start;
    area->start = start;
    if (!area->file)
        return;
    area->file += gone;
    area->file_size = gone < area->file_size ? area->file_size - gone : 0;
}

void area_set_start(struct space *space, struct area *area, uint64_t start)
{
    cut_front(area, start);
    set_gap(space, area_before(space, area), area);
}

void area_set_end(struct space *space, struct area *area, uint64_t end)
{
    area->end = end;
    set_gap(space, area, area_next(area));
}

int area_split(struct space *space, uint64_t at)
{
    struct area *area = area_find(space, at);
    if (!area || area->start >= at)
        return 0;
    struct area *rest = allocate(space), *above = area_next(area);
    if (!rest)
        return -ENOMEM;
    *rest = *area;
    area->end = at;
    cut_front(rest, at);
    enter(space, rest, area, above);
    return 0;
}

void area_merge(struct space *space, uint64_t start, uint64_t end)
{
    struct area *area = area_find(space, start ? start - 1 : 0), *next; /* the one before too */
    while (area && (next = area_next(area)) && next->start <= end) {
        if (area->end == next->start && alike(area, next)) {
            area->end = next->end;
            area_remove(space, next);
        } else {
            area = next;
        }
    }
}

bool area_is_free(struct space *space, uint64_t start, uint64_t length)
{
    const struct area *next = find(space, start);
    return !next || next->start >= start + length;
}

/* The highest in the subtree, which has one, that has so much free below it. */
static const struct area *highest_in(struct tree_node *node, uint64_t length)
{
    while (widest(node->right) >= length || area_of(node)->gap < length)
        node = widest(node->right) >= length ? node->right : node->left;
    return area_of(node);
}

/* The same among all below an area; NULL: none. */
static const struct area *highest_below(const struct area *area, uint64_t length)
{
    const struct tree_node *node = &area->node;
    for (;;) {
        if (widest(node->left) >= length)
            return highest_in(node->left, length);
        while (node->parent && node == node->parent->left)
            node = node->parent;
        node = node->parent;
        if (!node)
            return NULL;
        const struct area *before = tree_entry(node, struct area, node);
        if (before->gap >= length)
            return before;
    }
}

uint64_t area_find_free(struct space *space, uint64_t length)
{
    /* First what is free right below map_top; what is above it counts for nothing. */
    const struct area *above = find(space, space->map_top), *below = area_before(space, above);
    uint64_t from = below ? below->end : USER_START;
    uint64_t to = above && above->start < space->map_top ? above->start : space->map_top;
    if (to > from && to - from >= length)
        return to - length;
    if (!below)
        return 0;
    const struct area *found = below->gap >= length ? below : highest_below(below, length);
    return found ? found->start - length : 0;
}

uint64_t area_covered_to(struct space *space, uint64_t start, uint64_t end, unsigned most)
{
    const struct area *area = area_find(space, start);
    for (; area && area->start <= start && start < end && most; area = area_next(area), most--)
        start = area->end;
    return start < end ? start : end;
}
