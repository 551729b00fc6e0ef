/* The firmware's ACPI tables, found and mapped. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct boot_info;

/* From the loader's copy of the root pointer. What is wrong with a table is said in the log. */
void acpi_init(const struct boot_info *boot);

/* A mapped and checked table by its signature, or NULL. */
const void *acpi_table(const char signature[4]);

/* The same, of several: *index begins at 0, and goes on behind the one that was found. */
const void *acpi_next_table(const char signature[4], size_t *index);

/* Maps a table whole, by its physical address. signature NULL: any. NULL when it is another table,
 * or a bad one: then the log says so. Boot only. */
const void *acpi_map_table(uint64_t address, const char *signature);
