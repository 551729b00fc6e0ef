/* Starting the CPUs that were found. */
#pragma once

#include "mm/frames.h"

struct boot_info;

/* A page below 1 MiB for the trampoline, in usable memory and in none of the ranges in use; 0 when there
 * is none. The frame allocator does not hand out such pages. */
uint64_t trampoline_place(const struct boot_info *boot, const struct phys_range *in_use,
                          size_t count);

/* Starts the other CPUs and waits, bounded, until they are online; says who is missing. */
void smp_start(uint64_t trampoline);
