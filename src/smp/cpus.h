/* Finding the CPUs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NAMED_MOST 16 /* CPUs that the log names for one reason; beyond that it counts them */

/* Chooses the mode of the local APICs (wanted: enum apic_mode), and creates the blocks of this CPU
 * (index 0) and of up to max_cpus - 1 others that the MADT names; none with nosmp, and none without a
 * MADT. What is left out is said in the log. Panics when this CPU's own block or APIC cannot be had. */
void smp_find_cpus(uint8_t wanted, uint32_t max_cpus, bool nosmp);
