/* The firmware's ACPI tables, found, checked and mapped for good, at boot. Each is mapped once; one that
 * leaves the page where it begins a second time, whole, when its header has said how long it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct acpi_root;
struct boot_info;

/* A table as it was found. */
struct acpi_listed {
    uint64_t address;  /* physical */
    const void *bytes; /* mapped for good, as long as its header says; NULL: that cannot be */
    bool good;         /* its checksum is right: acpi_table gives no others */
};

/* Makes the list: what the XSDT names, or the RSDT where the XSDT is bad; where only some of the XSDT's
 * pointers are bad, what the RSDT knows besides. What is wrong with a table is said in the log, once. */
void acpi_init(const struct boot_info *boot);

/* The first good table with this signature, or NULL. */
const void *acpi_table(const char signature[4]);

/* The same, of several: *index begins at 0, and goes on behind the one that was found. */
const void *acpi_next_table(const char signature[4], size_t *index);

/* The table at a physical address that another table gave, put on the list when it is not there yet.
 * signature NULL: any. NULL when the address is 0; when another table is there, which the log says each
 * time; or a bad one, which it says once. Eight such lines at most. Boot only. */
const void *acpi_map_table(uint64_t address, const char *signature);

/* The list, in the order it was found in; root tables and bad tables are in it too. NULL at its end. */
const struct acpi_listed *acpi_listed(size_t index);

/* What the root pointer says; zeros where it says nothing, or nothing that can be trusted. */
const struct acpi_root *acpi_root(void);
