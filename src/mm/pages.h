/* The pages of an address space. All with space->lock held; ranges page-aligned, in user space. What may
 * be long does a piece of it (tables.h) and returns the address at which it stopped; it is at least one page
 * further each time. */
#pragma once

#include "mm/areas.h"
#include "mm/space.h"

/* Brings in one page of an area that allows the access. 0 or -ENOMEM. */
int pages_fault(struct space *space, const struct area *area, uint64_t va, enum access access);

/* Unmaps and frees, tables that are left empty too; returns once no CPU can reach the frames. */
uint64_t pages_zap(struct space *space, uint64_t start, uint64_t end);

/* Gives what is mapped new rights; returns once no CPU uses wider ones. */
uint64_t pages_protect(struct space *space, uint64_t start, uint64_t end, uint32_t prot);

/* Makes the tables for a move, so that pages_move finds them all. Where memory was exhausted, *error is
 * -ENOMEM. */
uint64_t pages_prepare_move(struct space *space, uint64_t start, uint64_t end, uint64_t to,
                            int *error);
/* Moves what is mapped in [start, end) to `to`, where nothing is. */
uint64_t pages_move(struct space *space, uint64_t start, uint64_t end, uint64_t to);

/* Shares the frames of source with target, which has none in the range, read-only in both until written.
 * target is private to the caller. Where memory was exhausted, *error is -ENOMEM. */
uint64_t pages_share(struct space *target, struct space *source, uint64_t start, uint64_t end,
                     int *error);
