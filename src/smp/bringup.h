/* Finding the CPUs and starting them. */
#pragma once

#include <stdint.h>

struct boot_info;

/* A free page below 1 MiB for the trampoline; 0 when there is none. To be called before
 * frames_init, which does not hand out such pages. */
uint64_t trampoline_place(const struct boot_info *boot);

/* Creates the blocks of this CPU (index 0) and of up to max_cpus - 1 others that the MADT names;
 * without a MADT there are none. Then calls nothing: starting is smp_start. The local APIC is
 * mapped and on. */
void smp_find_cpus(uint32_t max_cpus);

/* Starts the other CPUs and waits, bounded, until they are online; says who is missing. */
void smp_start(uint64_t trampoline);
