/* The static ACPI tables (ACPI 6.5, section 5.2): root pointer, table headers, XSDT and RSDT. What
 * the tables say of time and power is in fadt.h, of processors in madt.h. Addresses are physical;
 * mapping them is the caller's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/parse.h"

#define ACPI_HEADER_SIZE 36

/* Where the root pointer has the addresses of the root tables (section 5.2.5.3). */
#define RSDP_RSDT 16U
#define RSDP_XSDT 24U

struct acpi_root {
    uint64_t xsdt;    /* 0: there is none */
    uint64_t rsdt;    /* the same tables, as far as they lie below 4 GiB; 0: there is none */
    uint8_t revision; /* 0: ACPI 1.0; 2: later */
};

/* 0, or -EINVAL; then out->rsdt is what the 20 bytes of revision 0 say, if nothing is wrong with
 * those, else 0, and out->xsdt is 0. A root pointer of revision 2 cut to 20 bytes is taken as one of
 * revision 0. */
int acpi_check_rsdp(const void *rsdp, size_t length, struct acpi_root *out,
                    struct parse_error *error);

/* Checks a table of which `available` bytes are mapped: signature (NULL: any), length, checksum. 0;
 * -ENOENT for another signature, before anything else is looked at; -EINVAL for a malformed table.
 */
int acpi_check_table(const void *table, size_t available, const char signature[4],
                     struct parse_error *error);

/* Of a table that has ACPI_HEADER_SIZE bytes mapped: its whole length, unchecked. */
static inline uint32_t acpi_table_length(const void *table)
{
    return load32(table, 4);
}

/* Of an XSDT or RSDT that acpi_check_table has passed; index < count. */
size_t acpi_root_count(const void *root_table);
uint64_t acpi_root_entry(const void *root_table, size_t index);
size_t acpi_root_entry_offset(const void *root_table, size_t index); /* bytes, in the table */
