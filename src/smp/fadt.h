/* What the static tables say of time and power: FADT (ACPI 6.5, section 5.2.9), HPET, and the one
 * AML object needed to switch the machine off. Addresses are physical; mapping them is the
 * caller's. */
#pragma once

#include <stdbool.h>

#include "smp/acpi.h"

/* Fields with other tables' addresses (section 5.2.9): the old ones, and the 64-bit ones that count unless
 * they are 0. Offsets in the table. */
#define FADT_FACS   36U
#define FADT_DSDT   40U
#define FADT_X_FACS 132U
#define FADT_X_DSDT 140U

/* A generic address structure. address 0: the machine has no such register. */
struct acpi_register {
    uint64_t address;
    uint8_t space; /* one of those below; others exist */
};

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1
#define ACPI_SPACE_PCI    2 /* address: device << 32 | function << 16 | offset, on bus 0 */

#define ACPI_PM1_SCI_ENABLE (1U << 0) /* in the PM1 control register (section 4.8.3.2.1) */

/* The 64-bit X_ fields count where they are given, else the 32-bit ones. */
struct acpi_fadt {
    uint64_t dsdt;
    struct acpi_register pm1a_control, pm1b_control;
    struct acpi_register pm_timer; /* 3.579545 MHz; 24 bits of it count, or 32 */
    uint32_t smi_command;          /* port; 0: always in ACPI mode */
    uint8_t acpi_enable;           /* written to smi_command, sets ACPI_PM1_SCI_ENABLE; 0: none */
    bool hardware_reduced;         /* no PM1 registers, no PM timer, and nothing of the old PC */
    struct acpi_register sleep_control; /* of such a machine (section 4.8.3.7) */
    bool no_8042, no_vga, no_rtc;       /* the firmware says so (section 5.2.9.3) */
    struct acpi_register reset;         /* address 0 unless the table says that it works */
    uint8_t reset_value;
};

/* fadt: passed by acpi_check_table with "FACP"; length: its own. 0, or -EINVAL when too short. */
int acpi_parse_fadt(const void *fadt, size_t length, struct acpi_fadt *out,
                    struct parse_error *error);

/* The registers of the first high precision event timer, by an HPET table (IA-PC HPET 1.0a, 3.2.4)
 * that acpi_check_table has passed. 0, or -EINVAL. */
int acpi_parse_hpet(const void *hpet, size_t length, uint64_t *address, struct parse_error *error);

/* Searches a DSDT or SSDT for \_S5 and gives the two SLP_TYP values, 0 to 7, for PM1a and PM1b.
 * 0, or -ENOENT. */
int acpi_parse_s5(const void *dsdt, size_t length, uint8_t *type_a, uint8_t *type_b);
