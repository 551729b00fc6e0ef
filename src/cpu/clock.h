/* Time from the TSC. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Finds the TSC's rate; first_tsc: the TSC when the kernel was entered, where boot time starts. */
void clock_init(uint64_t first_tsc);

/* Whether nothing has told the rate yet; then it is taken for 1 GHz. */
bool clock_is_guess(void);

/* Measures the rate against the ACPI PM timer, a 24-bit or longer counter at this I/O port, where
 * there was nothing better. Boot CPU only, before anything waits: times of before may lie ahead. */
void clock_use_pm_timer(uint16_t port);

/* Nanoseconds since the kernel's first instruction; 0 before clock_init. Never goes backwards on
 * one CPU. */
uint64_t clock_boot_ns(void);

/* Nanoseconds since 1970, from the machine's clock as read at boot. */
uint64_t clock_real_ns(void);

/* Spins. */
void clock_delay_us(uint64_t us);

uint64_t clock_tsc_khz(void);
const char *clock_source(void); /* where the rate is from: "CPUID 0x15", "PIT" ... */

/* How far the rate may be off, in millionths, beyond what the crystal is off that it was measured
 * against. 0: the rate was not measured, but told. 1000000: it is a guess. */
uint32_t clock_error_ppm(void);

/* Whether the CPU says that the TSC's rate never changes. */
bool clock_tsc_invariant(void);
