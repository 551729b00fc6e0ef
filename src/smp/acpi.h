/* The static ACPI tables (ACPI 6.5, section 5.2): root pointer, table headers, XSDT and RSDT, FADT,
 * and the one AML object needed to switch the machine off. Addresses are physical; mapping them is
 * the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/parse.h"

#define ACPI_HEADER_SIZE 36

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

/* A generic address structure. address 0: the machine has no such register. */
struct acpi_register {
    uint64_t address;
    uint8_t space; /* one of the two below; others exist */
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size; /* 0 undefined, 1 byte, 2 word, 3 dword, 4 qword */
};

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1

/* PM1 control register (section 4.8.3.2.1). */
#define ACPI_PM1_SCI_ENABLE       (1U << 0)
#define ACPI_PM1_SLEEP_TYPE_SHIFT 10
#define ACPI_PM1_SLEEP_ENABLE     (1U << 13)

/* The 64-bit X_ fields count where they are given, else the 32-bit ones. */
struct acpi_fadt {
    uint64_t dsdt;
    struct acpi_register pm1a_control, pm1b_control;
    struct acpi_register pm_timer; /* 3.579545 MHz */
    bool pm_timer_32bit;           /* else it wraps at 24 bits */
    uint32_t smi_command;          /* port; 0: always in ACPI mode */
    uint8_t acpi_enable;           /* written to smi_command, sets ACPI_PM1_SCI_ENABLE; 0: none */
    uint8_t acpi_disable;
    uint16_t sci_interrupt;
    bool hardware_reduced;      /* no PM1 registers, no PM timer */
    struct acpi_register reset; /* address 0 unless the table says that it works */
    uint8_t reset_value;
};

/* fadt: passed by acpi_check_table with "FACP"; length: its own. 0, or -EINVAL when too short. */
int acpi_parse_fadt(const void *fadt, size_t length, struct acpi_fadt *out,
                    struct parse_error *error);

/* Searches a DSDT or SSDT for \_S5 and gives the two SLP_TYP values, 0 to 7, for PM1a and PM1b.
 * 0, or -ENOENT. */
int acpi_parse_s5(const void *dsdt, size_t length, uint8_t *type_a, uint8_t *type_b);
