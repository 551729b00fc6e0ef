/* What a program changes in its address space: mapping, unmapping, protecting, moving. Each may be long, so
 * each goes in pieces: a struct says what is asked for and how far it has come. */
#pragma once

#include "mm/space.h"

/* Filled by one of the functions below, kept by the caller until it is done. */
struct space_change {
    int (*step)(struct space *space, struct space_change *change); /* a piece; the lock is held */
    uint64_t start, end; /* what is left of the range; `start` moves */
    uint64_t origin;     /* where it began; protect: this group of areas */
    uint64_t reached;    /* protect: the end of the group, whose areas are done */
    uint64_t old, old_length, new, new_length; /* remap */
    const uint8_t *file;
    uint64_t file_size;
    uint32_t prot, flags;
    bool begun, only_hint;
    int64_t result; /* when it is done: 0 or an address, or a negative errno */
};

/* A piece of the change. SPACE_DONE; SPACE_MORE: the space is `who`'s until the change is done, and is to be
 * given back by space_let_go if it never will be; SPACE_BUSY: it is somebody else's, and nothing was done.
 * Takes the space's lock. */
int space_change(struct space *space, const void *who, struct space_change *change);

/* Gives the space back if it is `who`'s: true then. */
bool space_let_go(struct space *space, const void *who);

/* What follows only fills in the struct. Addresses and lengths are page-aligned and lie in user space,
 * checked by the caller, unless said otherwise. */

/* Maps [start, start + length), replacing what is there, page by page: no address of it is free meanwhile.
 * file: see struct area. The address, or -ENOMEM. */
void change_map_over(struct space_change *change, uint64_t start, uint64_t length, uint32_t prot,
                     const uint8_t *file, uint64_t file_size);

/* The same at a free place: at `hint` if it is free there, else the highest. `only_hint`: there or -EEXIST. */
void change_map(struct space_change *change, uint64_t hint, bool only_hint, uint64_t length,
                uint32_t prot, const uint8_t *file, uint64_t file_size);

/* 0 or -ENOMEM, with nothing removed: a hole in an area makes one area more than there may be. */
void change_unmap(struct space_change *change, uint64_t start, uint64_t length);

/* As far as there is no hole; there it ends with -ENOMEM. */
void change_protect(struct space_change *change, uint64_t start, uint64_t length, uint32_t prot);

/* Drops the contents, passing over holes: the next touch sees zeros, or the file, again. 0, or -ENOMEM
 * when there was a hole. */
void change_discard(struct space_change *change, uint64_t start, uint64_t length);

/* mremap(2). flags as there. The address, or a negative errno. */
void change_remap(struct space_change *change, uint64_t old, uint64_t old_length,
                  uint64_t new_length, uint32_t flags, uint64_t new_address);

/* Sets the program break, in bytes, any alignment and place; the break in force afterwards. */
void change_brk(struct space_change *change, uint64_t brk);

#ifndef AREAS_A_PIECE      /* the unit tests cut finer */
#define AREAS_A_PIECE 128U /* some 700 instructions each */
#endif

/* For the steps, in changes.c and remap.c. */
static inline int change_done(struct space_change *change, int64_t result)
{
    change->result = result;
    return SPACE_DONE;
}
/* Cuts an area short that begins before `start` and reaches into [start, end). 0, or -ENOMEM where it
 * reaches beyond. */
int space_cut(struct space *space, uint64_t start, uint64_t end);
/* Empties [*at, end), whose lower border no area crosses: a piece. True: done; else *at is where it stopped. */
bool space_empty(struct space *space, uint64_t *at, uint64_t end);
