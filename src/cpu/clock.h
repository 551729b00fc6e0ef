/* Time from the TSC. */
#pragma once

#include <stdint.h>

/* Finds the TSC's rate; first_tsc: the TSC when the kernel was entered, where boot time starts. */
void clock_init(uint64_t first_tsc);

/* Nanoseconds since the kernel's first instruction; 0 before clock_init. Never goes backwards on
 * one CPU. */
uint64_t clock_boot_ns(void);

/* Nanoseconds since 1970, from the machine's clock as read at boot. */
uint64_t clock_real_ns(void);

/* Spins. */
void clock_delay_us(uint64_t us);

uint64_t clock_tsc_khz(void);
const char *clock_source(void); /* where the rate is from: "CPUID 0x15", "PIT" ... */
