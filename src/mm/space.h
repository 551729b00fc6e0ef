/* An address space: what a process has mapped where (areas), and the page tables that hold what of
 * it has been touched. */
#pragma once

#include "cpu/spinlock.h"
#include "mm/areas.h"

struct space {
    struct spinlock lock;   /* rank LOCK_SPACE; guards all below and the page tables' lower half */
    _Atomic uint32_t users; /* processes */
    phys_addr_t pml4;       /* the kernel's page tables with this space in them; constant */
    phys_addr_t user_pml4;  /* ring 3's, with page-table isolation; else 0; constant */
    struct tree areas;      /* by address, never overlapping */
    struct area *hint;      /* the one that was looked for last; or NULL */
    unsigned area_count;
    uint64_t brk_start, brk;
    uint64_t map_top;            /* what is mapped anywhere stays below, without a hint */
    const void *_Atomic changer; /* who is in the middle of a change (mm/changes.h); or NULL */
    uint64_t torn;               /* how far space_teardown has come */
};

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/* What a piece of long work says. */
enum { SPACE_DONE = 0, SPACE_MORE = 1, SPACE_BUSY = 2 };

/* NULL when memory is exhausted. One user. */
struct space *space_create(void);
void space_get(struct space *space);

/* Drops a user. True: it was the last one, no thread runs in it, and it is the caller's to call
 * space_teardown until that says that nothing is left. */
bool space_put(struct space *space);
/* A piece of it. True: the space is gone. A CPU that is just leaving it is waited for. */
bool space_teardown(struct space *space);

/* Makes an empty new space a copy of another, a piece at a time, frames shared until written. *at: 0 at
 * first, then as it was left. SPACE_DONE; SPACE_MORE: the source is `who`'s until it is done, as in a change;
 * SPACE_BUSY: it is somebody else's, and nothing was done; or -ENOMEM: the copy is to be torn down. */
int space_copy(struct space *copy, struct space *source, const void *who, uint64_t *at);

/* Makes the calling CPU use the space; NULL: the kernel's own tables. */
void space_load(struct space *space);

/* Maps [start, start + length) of a new space: page-aligned, in user space and free. file: see struct area.
 * 0, -ENOMEM, or -EEXIST where something is there. */
int space_map(struct space *space, uint64_t start, uint64_t length, uint32_t prot,
              const uint8_t *file, uint64_t file_size);

/* Brings in the page of a touched address, any alignment. 0; -EFAULT: no such mapping, or it
 * forbids the access; -ENXIO: it lies beyond the end of the mapped file; -ENOMEM. Takes the space's lock. */
int space_fault(struct space *space, uint64_t address, enum access access);

/* Writes into a space that is not loaded, as its own program could. 0 or a negative errno. */
int space_write(struct space *space, uint64_t address, const void *bytes, size_t size);
