/* The way out of the machine, with a verdict that a test runner can read. */
#pragma once

#include <stdint.h>

/* Written to QEMU's isa-debug-exit device, which ends QEMU with status (value << 1) | 1. */
enum exit_verdict {
    EXIT_PASS = 0x10,  /* 33: init ended with status 0 */
    EXIT_FAIL = 0x11,  /* 35: init ended otherwise, or could not be started */
    EXIT_PANIC = 0x12, /* 37: the kernel gave up */
};

/* What the FADT (I/O ports of the PM1 control blocks, 0 for none) and the \_S5 object (SLP_TYPa,
 * SLP_TYPb) say. The machine must be in ACPI mode (SCI_EN). */
void power_set_acpi(uint16_t pm1a, uint16_t pm1b, uint8_t slp_typ_a, uint8_t slp_typ_b);

/* Leaves by the first that works: isa-debug-exit, ACPI S5, or a halt with a word on the console.
 * Other CPUs need not be stopped. The console lock is not held, or seized. */
_Noreturn void power_off(enum exit_verdict verdict);
