/* The page-table side of an address space. All with space->lock held; ranges page-aligned, in user
 * space. */
#pragma once

#include "mm/space.h"

/* Brings in one page of an area that allows the access. 0 or -ENOMEM. */
int pages_fault(struct space *space, const struct area *area, uint64_t va, enum access access);

/* Unmaps and frees; returns once no CPU can reach the frames. */
void pages_zap(struct space *space, uint64_t start, uint64_t end);

/* Gives what is mapped new rights; returns once no CPU uses wider ones. */
void pages_protect(struct space *space, uint64_t start, uint64_t end, uint32_t prot);

/* Moves what is mapped from one range to another, empty one. 0, or -ENOMEM with nothing moved. */
int pages_move(struct space *space, uint64_t from, uint64_t to, uint64_t length);

/* Shares all frames of source with an empty target, read-only in both until written. target is
 * private to the caller. 0 or -ENOMEM. */
int pages_share(struct space *target, struct space *source);
