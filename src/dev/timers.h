/* The counters of known rate that a PC may have, as the TSC is measured against them. */
#pragma once

#include "cpu/calibrate.h"
#include "dev/register.h"

/* Where none is there it does not count, and that is all. */
const struct reference *timer_pit(void);

/* The counter's register, of four bytes; kept. At least 24 bits of it count. */
const struct reference *timer_acpi(const struct device_register *counter);

#define HPET_SIZE 0x400 /* bytes of registers */

/* The registers, mapped; kept. Starts the counter if it stands. NULL, and *fault says why, when
 * they are not such a timer's. */
const struct reference *timer_hpet(volatile void *registers, const char **fault);
