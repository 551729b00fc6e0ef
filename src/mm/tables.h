/* The page tables of an address space: the lower half, with as many tables as what is in them wants. The
 * upper half is the kernel's (paging.h). All with space->lock held. */
#pragma once

#include "mm/paging.h"

struct space;

/* An entry that leads to a table counts, in bits that the CPU ignores there (SDM vol. 3, tables 4-15 to
 * 4-18: 62:52), the entries of that table that are in use: the one who takes the last away takes the table
 * away too. */
#define PTE_COUNT_ONE (1UL << 52)
#define PTE_COUNT     (0x3ffUL << 52)

/* A page's entry, and the entry that leads to its table. */
struct page_slot {
    pte_t *entry, *table;
};

/* Makes the root tables of a new space. 0, or -ENOMEM with nothing taken. */
int tables_create(struct space *space);

/* Gives them back, once tables_mark and tables_reap have emptied all of user space and no CPU has them loaded. */
void tables_free(struct space *space);

/* Where the page's entry is. With `create`, tables that are missing are made. False: there is none, or no
 * memory for it (what has been made stays, empty, until somebody takes away what is there). */
bool tables_slot(struct space *space, uint64_t va, bool create, struct page_slot *slot);

/* Writes an entry and counts it. */
static inline void slot_set(const struct page_slot *slot, pte_t value)
{
    if (!*slot->entry != !value)
        *slot->table += value ? PTE_COUNT_ONE : -PTE_COUNT_ONE;
    *slot->entry = value;
}

/* How much of a piece of work is left: an entry that is passed over costs one, a page PAGE_WORK. A whole
 * piece is some 200,000 instructions. */
#ifndef PIECE_WORK /* the unit tests cut finer */
#define PIECE_WORK 6144U
#endif
#define PAGE_WORK 8U

/* Calls `visit` for the pages that have an entry in [va, end), until the work is used up or it returns
 * false: that page is then the first that is left. Where it stopped; `end`: nothing is left. */
typedef bool visit_fn(void *context, const struct page_slot *slot, uint64_t va);
uint64_t tables_visit(struct space *space, uint64_t va, uint64_t end, unsigned *work,
                      visit_fn *visit, void *context);

/* Takes away what is mapped in [va, end), and the tables that are left with nothing, as far as the work
 * goes, in two steps: marks what goes, so that no CPU walks there any more but by its TLB; and, when all
 * TLBs are rid of it, gives the frames back. Returns where it stopped, and in *any whether it marked. */
uint64_t tables_mark(struct space *space, uint64_t va, uint64_t end, unsigned *work, bool *any);
void tables_reap(struct space *space, uint64_t va, uint64_t end);
