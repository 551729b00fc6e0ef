/* The firmware's ACPI tables, found and mapped. */
#pragma once

struct boot_info;

/* From the loader's copy of the root pointer. What is wrong with a table is said in the log. Where
 * nothing has told the TSC's rate yet, it is measured against the PM timer. */
void acpi_init(const struct boot_info *boot);

/* A mapped and checked table by its signature, or NULL. */
const void *acpi_table(const char signature[4]);

/* Reads from FADT and DSDT how to switch the machine off. */
void acpi_prepare_power_off(void);
