/* CPUID, and the control-register bits that follow from it. */

#include "cpu/features.h"
#include "cpu/clean_state.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "dev/power.h"
#include "lib/format.h"
#include "lib/string.h"
#include <stdint.h>

enum cpuid_register { EAX, EBX, ECX, EDX };

struct cpuid_bit {
    uint32_t leaf;
    uint8_t reg, bit;
    const char *name;
};

/* SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. What is missing of these, the log says. */
static const struct {
    struct cpuid_bit at;
    bool shown; /* as in force, where it is there */
} features[FEATURE_COUNT] = {
    [FEATURE_SMEP] = {{7, EBX, 7, "SMEP"}, true},
    [FEATURE_SMAP] = {{7, EBX, 20, "SMAP"}, true},
    [FEATURE_UMIP] = {{7, ECX, 2, "UMIP"}, true},
    [FEATURE_FSGSBASE] = {{7, EBX, 0, "FSGSBASE"}, true},
    [FEATURE_RDTSCP] = {{0x80000001, EDX, 27, "RDTSCP"}, false},
    [FEATURE_PAGE_1G] = {{0x80000001, EDX, 26, "1-GiB-pages"}, false},
    [FEATURE_PGE] = {{1, EDX, 13, "PGE"}, false},
    [FEATURE_MCE] = {{1, EDX, 7, "MCE"}, false},
    [FEATURE_XSAVE] = {{1, ECX, 26, "XSAVE"}, true},
    [FEATURE_XSAVEOPT] = {{0xd, EAX, 0, NULL}, false}, /* subleaf 1 */
    [FEATURE_AVX] = {{1, ECX, 28, "AVX"}, true},
    [FEATURE_RDRAND] = {{1, ECX, 30, "RDRAND"}, false},
    [FEATURE_PCID] = {{1, ECX, 17, NULL}, false},
    [FEATURE_INVPCID] = {{7, EBX, 10, NULL}, false},
    [FEATURE_IBRS_IBPB] = {{7, EDX, 26, NULL}, false},
    [FEATURE_ARCH_CAPABILITIES] = {{7, EDX, 29, NULL}, false},
    [FEATURE_AMD_IBPB] = {{0x80000008, EBX, 12, NULL}, false},
    [FEATURE_AMD_IBRS] = {{0x80000008, EBX, 14, NULL}, false},
    [FEATURE_LFENCE_SERIALISES] = {{0x80000021, EAX, 2, NULL}, false},
};

/* Without these neither this kernel nor an x86-64 program runs (System V ABI, AMD64 supplement, 1.1.1:
 * the baseline). CPUs with long mode have them all, unless firmware or a hypervisor takes one away.
 * Long mode and NX were asked for in entry.asm; Intel shows SYSCALL in 64-bit mode only. */
static const struct cpuid_bit required[] = {
    {0x80000001, EDX, 11, "SYSCALL"},
    {1, EDX, 9, "local APIC"},
    {1, EDX, 0, "FPU"},
    {1, EDX, 8, "CMPXCHG8B"},
    {1, EDX, 24, "FXSAVE"},
    {1, EDX, 25, "SSE"},
    {1, EDX, 26, "SSE2"},
};

static uint32_t present; /* bit set of enum feature; constant after detection */
static char brand[49];

static bool has_bit(const struct cpuid_bit *at)
{
    if (cpuid(at->leaf & 0x80000000, 0).eax < at->leaf)
        return false;
    struct cpuid r = cpuid(at->leaf, at->leaf == 0xd);
    const uint32_t regs[] = {r.eax, r.ebx, r.ecx, r.edx};
    return regs[at->reg] >> at->bit & 1;
}

static void refuse_without(const struct cpuid_bit *at)
{
    klog("cpu",
         "this CPU has no %s (CPUID %xh %s bit %u), or the firmware turned it off: not supported",
         at->name, at->leaf, at->reg == EDX ? "EDX" : "ECX", at->bit);
    power_off(EXIT_FAIL);
}

void cpu_features_detect(void)
{
    for (unsigned i = 0; i < sizeof(required) / sizeof(required[0]); i++)
        if (!has_bit(&required[i]))
            refuse_without(&required[i]);
    for (unsigned f = 0; f < FEATURE_COUNT; f++)
        if (has_bit(&features[f].at))
            present |= 1U << f;
    /* XSAVE is of no use if CPUID does not tell how much it saves, and AVX none without XSAVE. Some
     * firmware cuts CPUID off at leaf 3 (IA32_MISC_ENABLE bit 22). */
    if (cpuid(0, 0).eax < 0xd)
        present &= ~(1U << FEATURE_XSAVE);
    if (!cpu_has(FEATURE_XSAVE))
        present &= ~(1U << FEATURE_AVX);

    if (cpuid(0x80000000, 0).eax >= 0x80000004) {
        for (unsigned i = 0; i < 3; i++) {
            struct cpuid r = cpuid(0x80000002 + i, 0);
            memcpy(brand + i * sizeof(r), &r, sizeof(r));
        }
        for (size_t end = strlen(brand); end && brand[end - 1] == ' '; end--)
            brand[end - 1] = '\0';
    }
}

/* On AMD, lfence waits for what precedes it only once this bit says so, where it is not hard-wired
 * (AMD, "Software techniques for managing speculation", mitigation G-2). It is the clock's bracket
 * and the fence after swapgs. Families 0Fh and 11h have no such register, nor have some emulators, and a
 * hypervisor has set it. */
static void make_lfence_serialising(void)
{
    struct cpuid version = cpuid(1, 0);
    uint32_t family = version.eax >> 8 & 0xf;
    if (family == 0xf)
        family += version.eax >> 20 & 0xff;
    bool under_hypervisor = version.ecx >> 31;
    uint64_t config;
    if (cpu_vendor_is("AuthenticAMD") && !under_hypervisor && family >= 0x10 && family != 0x11 &&
        !cpu_has(FEATURE_LFENCE_SERIALISES) && read_msr_if_there(MSR_DE_CFG, &config))
        wrmsr(MSR_DE_CFG, config | DE_CFG_LFENCE_SERIALISES);
}

/* The attributes of a page choose one of eight entries in the PAT. At reset the second, PWT without
 * PCD, is write-through, which nobody here wants (SDM vol. 3, 12.12.4). What the TLB holds has the old
 * meaning, and goes; nothing in it is global yet. */
void cpu_set_memory_types(void)
{
    if (cpuid(1, 0).edx >> 16 & 1)
        wrmsr(MSR_PAT, PAT_WC_SECOND);
    write_cr3(read_cr3());
}

void cpu_features_enable(void)
{
    cpu_set_memory_types();
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);

    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (cpu_has(FEATURE_MCE))
        cr4 |= CR4_MCE;
    if (cpu_has(FEATURE_PGE)) /* the G bit in page tables is ignored without it */
        cr4 |= CR4_PGE;
    if (cpu_has(FEATURE_SMEP))
        cr4 |= CR4_SMEP;
    if (mitigated(MITIGATION_SMAP))
        cr4 |= CR4_SMAP;
    if (cpu_has(FEATURE_UMIP))
        cr4 |= CR4_UMIP;
    if (cpu_has(FEATURE_FSGSBASE))
        cr4 |= CR4_FSGSBASE;
    if (cpu_has(FEATURE_XSAVE))
        cr4 |= CR4_OSXSAVE;
    if (mitigated(MITIGATION_PCID))
        cr4 |= CR4_PCIDE; /* CR3 holds PCID 0 until a space is loaded, as the bit wants */
    write_cr4(cr4);
    mitigations_enable();
    make_lfence_serialising();
}

bool cpu_has(enum feature feature)
{
    return present >> feature & 1;
}

bool cpu_vendor_is(const char name[12])
{
    struct cpuid r = cpuid(0, 0);
    const uint32_t words[] = {r.ebx, r.edx, r.ecx};
    return !memcmp(words, name, sizeof(words));
}

const char *cpu_brand(void)
{
    const char *name = brand;
    while (*name == ' ')
        name++;
    return *name ? name : "x86-64 CPU";
}

void cpu_feature_names(char *buffer, size_t size)
{
    size_t used = format(buffer, size, "NX WP");
    for (unsigned f = 0; f < FEATURE_COUNT && used < size; f++)
        if (features[f].shown && cpu_has((enum feature)f) &&
            (f != FEATURE_SMAP || mitigated(MITIGATION_SMAP)))
            used += format(buffer + used, size - used, " %s", features[f].at.name);
}

void cpu_missing_names(char *buffer, size_t size)
{
    size_t used = 0;
    for (unsigned f = 0; f < FEATURE_COUNT && used < size; f++)
        if (features[f].at.name && !cpu_has((enum feature)f))
            used += format(buffer + used, size - used, " %s", features[f].at.name);
    if (!used)
        format(buffer, size, " nothing");
}
