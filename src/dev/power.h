/* The ways out of the machine: off, with a verdict that a test runner can read, or from the start
 * again; and the wait before it, where somebody may be reading the screen. */
#pragma once

#include "dev/register.h"
#include <stdbool.h>

/* Written to QEMU's isa-debug-exit device, which ends QEMU with status (value << 1) | 1. */
enum exit_verdict {
    EXIT_PASS = 0x10,  /* 33: init ended with status 0 */
    EXIT_FAIL = 0x11,  /* 35: init ended otherwise, or could not be started */
    EXIT_PANIC = 0x12, /* 37: the kernel gave up */
};

/* What the firmware's tables say. Registers that the machine does not have: REGISTER_NONE. */
struct power_control {
    struct device_register pm1[2]; /* PM1a and PM1b control; in ACPI mode (SCI_EN) */
    struct device_register sleep;  /* sleep control, on a hardware-reduced machine */
    uint8_t sleep_type[2];        /* SLP_TYP of S5, 0 to 7: of PM1a and of sleep control; of PM1b */
    struct device_register reset; /* one write of reset_value resets the machine */
    uint8_t reset_value;
};

/* Copied. Boot CPU; until then there are only the ways out that need no table. */
void power_set_control(const struct power_control *control);

/* poweroff= of the command line (enum choice); until then it is auto. */
void power_set_choice(uint8_t choice);

/* Before the machine goes off by itself: returns at once in a virtual machine or with poweroff=on;
 * on a real one says `what` and which keys to press, and returns when one is: true to restart. With
 * poweroff=off it halts for good. The caller's CPU polls; it may hold no lock. */
bool power_wait(const char *what);

/* Leaves by the first that works: isa-debug-exit, ACPI S5, or a halt with a word on the console. A
 * panic first waits as power_wait does, unless the exit device takes it. Other CPUs need not be
 * stopped. The console lock is not held, or the console seized. From the third call on, as faults in it
 * come to that, it halts at once. */
_Noreturn void power_off(enum exit_verdict verdict);

/* Says so, and starts the machine anew by the first that works: the FADT's reset register, the
 * 8042, a triple fault. The console lock is not held, or the console seized. */
_Noreturn void power_restart(void);
