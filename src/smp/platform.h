/* What the ACPI tables say of the machine beyond its processors. After acpi_init; boot CPU. */
#pragma once

/* Where nothing has told the TSC's rate yet, it is measured against the PM timer. */
void platform_find_timer(void);

/* Reads from FADT and DSDT how to switch the machine off. */
void platform_prepare_power_off(void);
