/* An address space: what a process has mapped where (areas), and the page tables that hold what of
 * it has been touched. */
#pragma once

#include "cpu/spinlock.h"
#include "mm/layout.h"
#include <stdbool.h>

/* A mapping [start, end) of one kind. Pages come on first touch: zeros, or the bytes of a file. */
struct area {
    uint64_t start, end; /* page-aligned */
    uint32_t prot;       /* PROT_READ | PROT_WRITE | PROT_EXEC */
    struct area *next;
    const uint8_t *file; /* first byte of the file at `start`, or NULL: anonymous. Lives for ever */
    uint64_t file_size;  /* bytes of the file from `start` on; zeros follow */
};

struct space {
    struct spinlock lock;   /* rank LOCK_SPACE; guards all below and the page tables' lower half */
    _Atomic uint32_t users; /* processes */
    phys_addr_t pml4;       /* the kernel's page tables with this space in them; constant */
    phys_addr_t user_pml4;  /* ring 3's, with page-table isolation; else 0; constant */
    struct area *areas;     /* by rising address, never overlapping */
    struct area *hint;      /* one of them, near the last that was looked for; or NULL */
    unsigned area_count;
    uint64_t brk_start, brk;
    uint64_t map_top; /* space_map_anywhere stays below, without a hint */
};

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/* NULL when memory is exhausted. One user. */
struct space *space_create(void);
void space_get(struct space *space);

/* Drops a user. True: it was the last one, no thread runs in it, and it is the caller's to call
 * space_teardown until that says that nothing is left. */
bool space_put(struct space *space);
/* A piece of it. True: the space is gone. A CPU that is just leaving it is waited for. */
bool space_teardown(struct space *space);

/* A change of a space that is not done after one piece goes on with the next; until it is done, the space is
 * `who`'s (any pointer that tells callers apart), and other changes of what lies where are SPACE_BUSY. */
enum { SPACE_DONE = 0, SPACE_MORE = 1, SPACE_BUSY = 2 };

/* Makes an empty new space a copy of another, a piece at a time, frames shared until written. *at: 0 at
 * first, then as it was left. SPACE_DONE, SPACE_MORE, SPACE_BUSY with nothing done, or -ENOMEM: then the
 * copy is to be torn down. */
int space_copy(struct space *copy, struct space *source, const void *who, uint64_t *at);

/* Gives a space back that is `who`'s in the middle of a change, as it is: its thread ends. */
void space_let_go(struct space *space, const void *who);

/* Makes the calling CPU use the space; NULL: the kernel's own tables. */
void space_load(struct space *space);

/* What follows takes the space's lock. Addresses and lengths are page-aligned and lie in user
 * space, checked by the caller, unless said otherwise. */

/* Maps [start, start + length), replacing what is there. file: see struct area. 0 or -ENOMEM. */
int space_map(struct space *space, uint64_t start, uint64_t length, uint32_t prot,
              const uint8_t *file, uint64_t file_size);

/* As space_map, at a free place: at `hint` if it is free there, else the highest. `only_hint`:
 * there or -EEXIST. The address, or a negative errno. */
int64_t space_map_anywhere(struct space *space, uint64_t hint, bool only_hint, uint64_t length,
                           uint32_t prot, const uint8_t *file, uint64_t file_size);

int space_unmap(struct space *space, uint64_t start, uint64_t length); /* 0 or -ENOMEM */
/* As far as there is no hole; there it ends with -ENOMEM. */
int space_protect(struct space *space, uint64_t start, uint64_t length, uint32_t prot);
/* Drops the contents, passing over holes: the next touch sees zeros, or the file, again. 0, or -ENOMEM
 * when there was a hole. */
int space_discard(struct space *space, uint64_t start, uint64_t length);

/* mremap(2). flags as there. The address, or a negative errno. */
int64_t space_remap(struct space *space, uint64_t old, uint64_t old_length, uint64_t new_length,
                    uint32_t flags, uint64_t new_address);

/* Sets the program break, in bytes; returns the break in force. */
uint64_t space_set_brk(struct space *space, uint64_t brk);

/* Brings in the page of a touched address, any alignment. 0; -EFAULT: no such mapping, or it
 * forbids the access; -ENXIO: it lies beyond the end of the mapped file; -ENOMEM. */
int space_fault(struct space *space, uint64_t address, enum access access);

/* Writes into a space that is not loaded, as its own program could. 0 or a negative errno. */
int space_write(struct space *space, uint64_t address, const void *bytes, size_t size);
