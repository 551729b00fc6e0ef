/* From the loader's word about memory to what may be used of it. Nothing here is believed twice: ranges
 * may overlap, come unsorted, or contradict each other, and modules may lie anywhere. Pure. */
#pragma once

#include "boot/multiboot2.h"
#include "mm/frames.h"
#include <stdbool.h>

/* Writes the usable ranges below `limit`, in bytes: sorted, disjoint, not touching each other; a byte
 * that any range of another type claims is not usable. Returns how many there are. Takes time in the
 * square of boot->memory_count. */
size_t memory_usable(const struct boot_info *boot, uint64_t limit,
                     struct phys_range out[BOOT_MEMORY_MAX]);

/* Whether [base, base + size) lies in one of the ranges that memory_usable found; nothing lies
 * anywhere. */
bool memory_holds(const struct phys_range *usable, size_t count, uint64_t base, uint64_t size);

/* What is wrong with the place of module `index`, fit to follow its name: it must lie in usable
 * memory, clear of `image`, of `information` (the boot information) and of the modules before it.
 * NULL: nothing. An empty module is nowhere wrong. */
const char *memory_module_flaw(const struct boot_info *boot, size_t index,
                               const struct phys_range *usable, size_t usable_count,
                               struct phys_range image, struct phys_range information);

/* Neither range wraps. */
static inline bool memory_overlap(struct phys_range a, struct phys_range b)
{
    return a.size && b.size && a.base < b.base + b.size && b.base < a.base + a.size;
}
