/* Physical page frames: who owns each 4-KiB frame of usable memory, counted by references. */
#pragma once

#include "mm/layout.h"

struct phys_range {
    phys_addr_t base; /* bytes, any alignment */
    uint64_t size;    /* bytes */
};

/* Takes over every whole frame that lies in a `usable` range and in no `reserved` one; ranges may
 * be unsorted and overlap. The bookkeeping array is carved out of usable memory below 4 GiB, which
 * is what the boot page tables map. The lowest frames are handed out first, until frames are freed.
 * Frame 0 is never handed out. Both arrays stay in use: the caller leaves them as they are. Returns 0,
 * or -ENOMEM when no range can hold the bookkeeping. Called once, by the boot CPU. */
int frames_init(const struct phys_range *usable, size_t usable_count,
                const struct phys_range *reserved, size_t reserved_count);

/* One frame with one reference, contents undefined / zeroed. 0 when memory is exhausted. */
phys_addr_t frame_alloc(void);
phys_addr_t frame_alloc_zeroed(void);

/* Adds a reference to an allocated frame. */
void frame_get(phys_addr_t frame);

/* Drops a reference; the last one frees the frame. Dropping a free or reserved frame is a broken
 * invariant: panic. */
void frame_put(phys_addr_t frame);

/* References held on an allocated frame. Stable only while the caller excludes frame_get. */
uint32_t frame_refs(phys_addr_t frame);

/* Bytes that the bookkeeping takes: 4 for each frame from address 0 to frames_end(). */
size_t frames_words_size(void);

/* Counts, in frames. */
size_t frames_total(void);
size_t frames_free(void);

/* One past the highest usable physical address, in bytes. */
phys_addr_t frames_end(void);
