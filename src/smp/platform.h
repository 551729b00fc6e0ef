/* What the ACPI tables say of the machine beyond its processors: which of the old PC's parts it
 * has, its clocks, the ways to switch it off and to reset it. Boot CPU, in this order. */
#pragma once

/* Reads the FADT, after acpi_init. Without one the machine is taken for an old PC. */
void platform_init(void);

/* Sets the clock going, by the best counter that is there where CPUID did not tell, and the wall
 * clock. */
void platform_start_clock(void);

/* From FADT, DSDT and SSDTs. Switches ACPI mode on. */
void platform_prepare_power(void);
