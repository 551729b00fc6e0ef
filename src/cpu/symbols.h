/* The kernel's own symbol table, as the loader left it in memory, for backtraces. */
#pragma once

#include "mm/frames.h"
#include <stddef.h>
#include <stdint.h>

struct boot_info;

/* Finds symbols and strings by the loader's section headers, if they lie in usable memory; reports
 * where they lie, for the caller to keep those frames out of use. Returns the number of ranges, 0
 * without a symbol table, or 2. */
size_t symbols_init(const struct boot_info *boot, const struct phys_range *usable,
                    size_t usable_count, struct phys_range out[2]);

/* The function that holds the address and the offset into it, or NULL. */
const char *symbol_at(uint64_t address, uint64_t *offset);
