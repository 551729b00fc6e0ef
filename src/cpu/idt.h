/* The interrupt descriptor table, one for all CPUs but the one that the lab has, and which vector
 * means what. */
#pragma once

#include <stdint.h>

/* Exceptions have the numbers of SDM vol. 3, table 6-1. */
enum vector {
    VECTOR_DEBUG = 1,
    VECTOR_NMI = 2,
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_EXCEPTIONS = 32, /* the first that is not an exception */
    VECTOR_PIC = 0x20,      /* 16 of them: the masked 8259s may still raise a spurious one */
    VECTOR_SYSCALL = 0x80,  /* int 0x80 */
    VECTOR_TIMER = 0xf0,
    VECTOR_RESCHEDULE = 0xf1,
    VECTOR_SHOOTDOWN = 0xf2,
    VECTOR_APIC_ERROR = 0xf3,
    VECTOR_SKEW = 0xf4,
    VECTOR_SPURIOUS = 0xff, /* low four bits set, as old APICs want (SDM vol. 3, 11.9) */
};

/* Fills the table, but for int 0x80. */
void idt_init(void);

/* The gate of int 0x80, in a build that has this door: to the door that the mitigations want, once they
 * are decided. */
void idt_open_door(void);

/* Loads it on the calling CPU. In any context, an NMI's too. */
void idt_load(void);

/* Lets ring 3 name this vector in an int instruction. */
void idt_allow_user(unsigned vector);

/* Where this vector's gate leads. */
uint64_t idt_entry(unsigned vector);

/* Loads, on the calling CPU, a copy of the table whose gate for this vector leads to entry and is open
 * to ring 3. There is one copy: no other CPU may have it loaded. */
void idt_load_copy(unsigned vector, uint64_t entry);
