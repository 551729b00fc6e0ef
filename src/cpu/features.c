/* CPUID, and the control-register bits that follow from it. */

#include "cpu/features.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "dev/power.h"
#include "lib/format.h"
#include "lib/string.h"
#include <stdint.h>

enum cpuid_register { EAX, EBX, ECX, EDX };

/* SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
static const struct {
    uint32_t leaf;
    uint8_t reg, bit;
    const char *name; /* shown at boot: NULL for what is not hardening */
} features[FEATURE_COUNT] = {
    [FEATURE_SMEP] = {7, EBX, 7, "SMEP"},
    [FEATURE_SMAP] = {7, EBX, 20, "SMAP"},
    [FEATURE_UMIP] = {7, ECX, 2, "UMIP"},
    [FEATURE_FSGSBASE] = {7, EBX, 0, "FSGSBASE"},
    [FEATURE_RDTSCP] = {0x80000001, EDX, 27, NULL},
    [FEATURE_PAGE_1G] = {0x80000001, EDX, 26, NULL},
    [FEATURE_XSAVE] = {1, ECX, 26, "XSAVE"},
    [FEATURE_XSAVEOPT] = {0xd, EAX, 0, NULL}, /* subleaf 1 */
    [FEATURE_AVX] = {1, ECX, 28, "AVX"},
    [FEATURE_RDRAND] = {1, ECX, 30, NULL},
    [FEATURE_PCID] = {1, ECX, 17, NULL},
    [FEATURE_INVPCID] = {7, EBX, 10, NULL},
    [FEATURE_IBRS_IBPB] = {7, EDX, 26, NULL},
    [FEATURE_ARCH_CAPABILITIES] = {7, EDX, 29, NULL},
    [FEATURE_AMD_IBPB] = {0x80000008, EBX, 12, NULL},
    [FEATURE_AMD_IBRS] = {0x80000008, EBX, 14, NULL},
    [FEATURE_LFENCE_SERIALISES] = {0x80000021, EAX, 2, NULL},
};

static uint32_t present; /* bit set of enum feature; constant after detection */
static char brand[49];

static bool cpuid_bit(uint32_t leaf, unsigned reg, unsigned bit)
{
    if (cpuid(leaf & 0x80000000, 0).eax < leaf)
        return false;
    struct cpuid r = cpuid(leaf, leaf == 0xd);
    const uint32_t regs[] = {r.eax, r.ebx, r.ecx, r.edx};
    return regs[reg] >> bit & 1;
}

void cpu_features_detect(void)
{
    if (!cpuid_bit(0x80000001, EDX, 11)) {
        klog("cpu",
             "this CPU has no SYSCALL instruction (CPUID 80000001h EDX bit 11): not supported");
        power_off(EXIT_FAIL);
    }
    for (unsigned f = 0; f < FEATURE_COUNT; f++)
        if (cpuid_bit(features[f].leaf, features[f].reg, features[f].bit))
            present |= 1U << f;

    if (cpuid(0x80000000, 0).eax >= 0x80000004) {
        for (unsigned i = 0; i < 3; i++) {
            struct cpuid r = cpuid(0x80000002 + i, 0);
            memcpy(brand + i * sizeof(r), &r, sizeof(r));
        }
    }
}

/* On AMD, lfence waits for what precedes it only once this bit says so, where it is not hard-wired
 * (AMD, "Software techniques for managing speculation", mitigation G-2). It is the clock's bracket
 * and the fence after swapgs. Families 0Fh and 11h have no such register, and a hypervisor has set it. */
static void make_lfence_serialising(void)
{
    struct cpuid version = cpuid(1, 0);
    uint32_t family = version.eax >> 8 & 0xf;
    if (family == 0xf)
        family += version.eax >> 20 & 0xff;
    bool under_hypervisor = version.ecx >> 31;
    if (cpu_vendor_is("AuthenticAMD") && !under_hypervisor && family >= 0x10 && family != 0x11 &&
        !cpu_has(FEATURE_LFENCE_SERIALISES))
        wrmsr(MSR_DE_CFG, rdmsr(MSR_DE_CFG) | DE_CFG_LFENCE_SERIALISES);
}

void cpu_features_enable(void)
{
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);

    uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
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

    /* The firmware may have left SYSENTER set up; a null CS makes it #GP (SDM vol. 2, SYSENTER). */
    if (cpuid(1, 0).edx >> 11 & 1)
        wrmsr(MSR_SYSENTER_CS, 0);
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
        if (features[f].name && cpu_has((enum feature)f) &&
            (f != FEATURE_SMAP || mitigated(MITIGATION_SMAP)))
            used += format(buffer + used, size - used, " %s", features[f].name);
}
