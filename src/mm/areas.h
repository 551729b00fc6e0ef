/* The areas of an address space, a tree by address: finding, splitting, joining. Each step takes time that
 * grows with the logarithm of their number. All with space->lock held. */
#pragma once

#include "lib/tree.h"
#include "mm/layout.h"
#include <stdbool.h>

struct space;

#define AREAS_MAX 65530 /* Linux's vm.max_map_count */

/* A mapping [start, end) of one kind. Pages come on first touch: zeros, or the bytes of a file. */
struct area {
    struct tree_node node; /* in space->areas, by address */
    uint64_t start, end;   /* page-aligned; changed by the functions below alone */
    uint64_t gap;          /* bytes that are free right below it, from USER_START on */
    uint64_t widest;       /* the widest gap of it and all below it in the tree */
    uint32_t prot;         /* PROT_READ | PROT_WRITE | PROT_EXEC */
    const uint8_t *file; /* first byte of the file at `start`, or NULL: anonymous. Lives for ever */
    uint64_t
        file_size; /* bytes of the file from `start` on, may be 0; the rest is beyond its end */
};

/* Makes a new space's tree. */
void areas_init(struct space *space);

/* The first area that ends above the address, and the next one; NULL where there is none. */
struct area *area_find(struct space *space, uint64_t address);
struct area *area_next(const struct area *area);
struct area *area_last(const struct space *space);

/* Enters a copy of the model, whose range is free. 0, or -ENOMEM: no memory, or AREAS_MAX are there. */
int area_insert(struct space *space, const struct area *model);

/* The same, but joined with what touches it and is of its kind. */
int area_add(struct space *space, const struct area *model);

void area_remove(struct space *space, struct area *area);

/* Moves a border of an area, which keeps something: its start upwards, its end anywhere that is free. */
void area_set_start(struct space *space, struct area *area, uint64_t start);
void area_set_end(struct space *space, struct area *area, uint64_t end);

/* Makes `at` a border between areas, if it lies inside one. 0 or -ENOMEM, as area_insert. */
int area_split(struct space *space, uint64_t at);

/* Joins neighbours of one kind that touch [start, end]. */
void area_merge(struct space *space, uint64_t start, uint64_t end);

bool area_is_free(struct space *space, uint64_t start, uint64_t length);

/* The highest free range of that length below space->map_top, or 0. */
uint64_t area_find_free(struct space *space, uint64_t length);

/* Where the areas that cover `start` without a hole end, `most` of them at most; start itself if none does.
 * At most `end`. */
uint64_t area_covered_to(struct space *space, uint64_t start, uint64_t end, unsigned most);
