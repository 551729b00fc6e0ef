/* What stands against speculation and stray accesses at the doors: each can be switched on the
 * kernel command line by its name, so that its cost can be measured. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mitigation {
    MITIGATION_SMAP,         /* user memory opens by stac in user copies alone */
    MITIGATION_INDEX_MASK,   /* the table's index is masked (Spectre variant 1) */
    MITIGATION_SWAPGS_FENCE, /* lfence after the conditional swapgs (CVE-2019-1125) */
    MITIGATION_CLEAR_REGS,   /* no value of ring 3's stays in a register that a call does not use */
    MITIGATION_IBRS,         /* SPEC_CTRL.IBRS is set while in ring 0 (Spectre variant 2) */
    MITIGATION_IBPB,         /* branch predictors are emptied between two processes */
    MITIGATION_KPTI,         /* ring 3 runs on page tables that lack the kernel (Meltdown) */
    MITIGATION_PCID,         /* and its TLB entries live through the change of tables */
    MITIGATION_COUNT,
};

/* As the command line says it; zero is what it says of most. */
enum choice { CHOICE_AUTO, CHOICE_ON, CHOICE_OFF };

/* The names on the command line: "smap", "kpti" ... */
extern const char *const mitigation_names[MITIGATION_COUNT];

/* Settles what is in force, by what was chosen and by what the CPU has; what was asked for and is
 * not there gets a line in the log. Once, on the boot CPU, before the text becomes read-only. */
void mitigations_decide(const uint8_t choices[MITIGATION_COUNT]);

bool mitigated(enum mitigation mitigation);

/* What is a matter of a register of each CPU's. On every CPU, after mitigations_decide. */
void mitigations_enable(void);

/* Each door exists in all combinations of what it can do more, or not do (sys/frame.inc). Zero is
 * what most CPUs want. */
enum door_variant {
    DOOR_UNMASKED = 1,       /* not MITIGATION_INDEX_MASK */
    DOOR_CLEARS_REGS = 2,    /* MITIGATION_CLEAR_REGS */
    DOOR_SETS_IBRS = 4,      /* MITIGATION_IBRS, where it cannot stay set in ring 3 */
    DOOR_CHANGES_TABLES = 8, /* MITIGATION_KPTI */
    DOOR_TIMED = 16,         /* irqsoff=on (sys/irqsoff.h) */
    DOOR_VARIANTS = 32,
};
unsigned mitigations_door_variant(void); /* a bit set of enum door_variant */

/* "smap=on index_mask=on ... ibrs=absent": absent is what this CPU does not have. */
void mitigations_describe(char *buffer, size_t size);
