/* The list of an address space's areas: finding, splitting, joining. All with space->lock held. */
#pragma once

#include "mm/space.h"

#define AREAS_MAX 65530 /* Linux's vm.max_map_count; unmapping may still split one more */

/* The link to the first area that ends above the address; it leads to NULL where there is none. */
struct area **area_find(struct space *space, uint64_t address);

/* A new, empty area that is counted but not yet in the list; NULL when memory is exhausted. */
struct area *area_create(struct space *space);

/* Takes the area that the link leads to out of the list and frees it. */
void area_remove(struct space *space, struct area **link);

/* Enters a copy of the model, whose range is free. 0 or -ENOMEM. */
int area_insert(struct space *space, const struct area *model);

/* Makes `at` a border between areas, if it lies inside one. 0 or -ENOMEM. */
int area_split(struct space *space, uint64_t at);

/* Joins neighbours of one kind that touch [start, end]. */
void area_merge(struct space *space, uint64_t start, uint64_t end);

bool area_is_free(struct space *space, uint64_t start, uint64_t length);

/* The highest free range of that length below space->map_top, or 0. */
uint64_t area_find_free(struct space *space, uint64_t length);

/* Where the areas that cover `start` without a hole end; start itself if none does. At most `end`. */
uint64_t area_covered_to(struct space *space, uint64_t start, uint64_t end);
