/* The lab, open when the kernel was booted with lab=on: puts a door under test into one CPU, for one
 * thread. What ring 3 sees of it is in sys/lab_abi.h; docs/doors.md tells why it is safe. */
#pragma once

#include "cpu/cpu.h"

/* Opens the lab, or keeps it shut. Once, on the boot CPU, before the first program. */
void lab_init(bool open);

/* The call SYS_LAB; sys/lab_abi.h. */
long sys_lab(uint64_t op, uint64_t door, uint64_t rung);

/* Answers an `int LAB_GATE` that met no stub, and `int LAB_GATE_END`; frame is ring 3's. False: it
 * came by another vector, or the lab is shut. */
bool lab_answer(struct trap_frame *frame);

/* Puts the real door back where a stub stands on the calling CPU; false if none does. In any context,
 * an NMI's too. */
bool lab_withdraw(void);

/* For the paths on which a thread loses its CPU. */
static inline void lab_leave(void)
{
    if (this_cpu->lab_installed)
        lab_withdraw();
}
