/* What this CPU can do (CPUID), and turning on what protects ring 0 from ring 3. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum feature {
    FEATURE_SMEP,
    FEATURE_SMAP,
    FEATURE_UMIP,
    FEATURE_FSGSBASE,
    FEATURE_RDTSCP,
    FEATURE_PAGE_1G,
    FEATURE_PGE,
    FEATURE_MCE,
    FEATURE_XSAVE,
    FEATURE_XSAVEOPT,
    FEATURE_AVX,
    FEATURE_RDRAND,
    FEATURE_PCID,
    FEATURE_INVPCID,
    FEATURE_IBRS_IBPB, /* SPEC_CTRL.IBRS and PRED_CMD.IBPB; AMD has a bit for each */
    FEATURE_ARCH_CAPABILITIES,
    FEATURE_AMD_IBPB,
    FEATURE_AMD_IBRS,
    FEATURE_LFENCE_SERIALISES, /* always, on AMD */
    FEATURE_COUNT,
};

/* Reads CPUID on the boot CPU; ends the machine with a sentence if the CPU lacks what no x86-64 program
 * does without. */
void cpu_features_detect(void);

/* Makes PTE_WC mean write-combining on this CPU, which has not touched such a page yet, and has
 * CR4.PGE off. Part of cpu_features_enable; the boot CPU calls it before it leaves the boot page
 * tables, which are without such pages. */
void cpu_set_memory_types(void);

/* CR0 and CR4 of the calling CPU. */
void cpu_features_enable(void);

bool cpu_has(enum feature feature);

/* By CPUID's twelve letters: "AuthenticAMD". */
bool cpu_vendor_is(const char name[12]);

/* "QEMU Virtual CPU version 2.5+", and the names of the hardening features in force. */
const char *cpu_brand(void);
void cpu_feature_names(char *buffer, size_t size);

/* " SMEP SMAP": what this CPU lacks and the kernel would use; " nothing". */
void cpu_missing_names(char *buffer, size_t size);
