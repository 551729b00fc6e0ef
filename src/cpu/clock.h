/* Time from the TSC. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reference;

/* Takes the TSC's rate from CPUID where that tells it, and touches no device; first_tsc: the TSC
 * at entry, once long mode was known, where boot time starts. */
void clock_init(uint64_t first_tsc);

/* Whether the rate is known. Until it is, boot time stands at 0, and nothing may wait for it. */
bool clock_runs(void);

/* Where CPUID did not tell: measures the rate against these counters (cpu/calibrate.h), in order of
 * preference. When none counts it is taken for 1 GHz. Boot CPU, with IF = 0. */
void clock_calibrate(const struct reference *const references[], size_t count);

/* What the wall clock shows now, in seconds since 1970. Without it that is 1970 at boot. */
void clock_set_real(int64_t seconds);

/* Nanoseconds since the kernel was entered (clock_init); 0 until the clock runs. Never goes backwards on
 * one CPU. */
uint64_t clock_boot_ns(void);

/* Nanoseconds since 1970. */
uint64_t clock_real_ns(void);

/* Spins. Only once the clock runs. */
void clock_delay_us(uint64_t us);

/* How long a wait may last before it is given up, by the time that passes while this CPU looks. A host may
 * stop the whole machine (a migration, a closed lid), and the TSC runs on: that time nobody had for an
 * answer. So what lies between two looks counts as a step at most: a 16th of it all, and never more than a
 * millisecond. Where looks come more often than that, it is time as everyone else has it. */
struct patience {
    uint64_t left, step, last; /* ns; ns; clock_boot_ns of the last look */
};

struct patience patience_of(uint64_t ns);

/* A look: true once it is over. Only once the clock runs; before that it lasts for ever. */
bool patience_is_over(struct patience *patience);

uint64_t clock_tsc_khz(void);
const char *clock_source(void); /* where the rate is from: "CPUID 0x15", "PIT" ... */

/* How far the rate may be off, in millionths, beyond what the crystal is off that it was measured
 * against. 0: the rate was not measured, but told. 1000000: it is a guess. */
uint32_t clock_error_ppm(void);

/* Whether the CPU says that the TSC's rate never changes. */
bool clock_tsc_invariant(void);
