// What ring 3 can ask the CPU itself: CPUID, the time-stamp counter, and who runs this machine.
// Header only; shared by the programs.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// CPUs that a cpu_set_t has room for. (musl's CPU_SETSIZE is 128: the set's bytes.)
#define CPUS_MOST (8 * (int)sizeof(cpu_set_t))

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    asm volatile("cpuid"
                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                 : "a"(leaf), "c"(subleaf));
    return r;
}

static inline bool cpu_has_rdtscp(void)
{
    return cpuid(0x80000000, 0).eax >= 0x80000001 && (cpuid(0x80000001, 0).edx >> 27 & 1);
}

// XSAVE is there and the kernel has switched it on (CR4.OSXSAVE shows through CPUID).
static inline bool cpu_has_xsave(void)
{
    return cpuid(0, 0).eax >= 0xd && (cpuid(1, 0).ecx >> 27 & 1);
}

static inline uint64_t cpu_xcr0(void)
{
    uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

// Opens a timed span: nothing before it is still running, nothing of the span has begun
// (lfence orders rdtsc on Intel and, with LFENCE serialising as every kernel sets it, on AMD).
static inline uint64_t tsc_begin(void)
{
    uint32_t low, high;
    asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

// Closes a timed span: all of it has ended. rdtscp waits by itself; qemu64 does not have it. It also
// tells the CPU in *aux (TSC_AUX, as the kernel set it), which is left as it is elsewhere.
static inline uint64_t tsc_end_on(bool has_rdtscp, uint32_t *aux)
{
    uint32_t low, high;
    if (has_rdtscp)
        asm volatile("rdtscp; lfence" : "=a"(low), "=d"(high), "=c"(*aux) : : "memory");
    else
        asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline uint64_t tsc_end(bool has_rdtscp)
{
    uint32_t aux;
    return tsc_end_on(has_rdtscp, &aux);
}

#define CPU_BRAND 49

// The CPU's name for itself, without the spaces around it; "unnamed CPU" if it has none.
static inline void cpu_brand(char brand[CPU_BRAND])
{
    memcpy(brand, "unnamed CPU", sizeof("unnamed CPU"));
    if (cpuid(0x80000000, 0).eax < 0x80000004)
        return;
    char text[CPU_BRAND] = "";
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid part = cpuid(0x80000002 + i, 0);
        memcpy(text + 16 * i, &part, 16);
    }
    const char *name = text + strspn(text, " ");
    size_t length = strlen(name);
    while (length && name[length - 1] == ' ')
        length--;
    if (!length)
        return;
    memcpy(brand, name, length);
    brand[length] = '\0';
}

// Who runs this machine: "TCG", "KVM" and so on; NULL if it is no virtual machine.
static inline const char *cpu_hypervisor(void)
{
    static const struct {
        const char *signature, *name;
    } known[] = {
        {"KVMKVMKVM", "KVM"},     {"Microsoft Hv", "Hyper-V"},    {"VMwareVMware", "VMware"},
        {"XenVMMXenVMM", "Xen"},  {"VBoxVBoxVBox", "VirtualBox"}, {"bhyve bhyve ", "bhyve"},
        {"ACRNACRNACRN", "ACRN"},
    };
    struct cpuid r = cpuid(0x40000000, 0);
    char signature[13] = "";
    memcpy(signature, &r.ebx, 4);
    memcpy(signature + 4, &r.ecx, 4);
    memcpy(signature + 8, &r.edx, 4);

    // TCG is asked for first: it answers the leaf even when told to hide the hypervisor bit.
    if (strcmp(signature, "TCGTCGTCGTCG") == 0)
        return "TCG";
    if (!(cpuid(1, 0).ecx >> 31 & 1))
        return NULL;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(signature, known[i].signature) == 0)
            return known[i].name;
    return "an unnamed hypervisor";
}

#define CPU_SLOWEST_GHZ                                                                            \
    0.1 // with long mode; who counts slower counts an emulator's instructions (Bochs)

// Whose times these are, for a heading: "an emulator's times (TCG)", "times under KVM" and so on.
// tsc_ghz: the TSC's rate; 0 if it is not known.
static inline void cpu_whose_times(char *text, size_t size, double tsc_ghz)
{
    const char *hypervisor = cpu_hypervisor();
    if (!hypervisor && tsc_ghz > 0 && tsc_ghz < CPU_SLOWEST_GHZ)
        snprintf(text, size, "an emulator's times");
    else if (!hypervisor)
        snprintf(text, size, "this hardware's times");
    else if (strcmp(hypervisor, "TCG") == 0)
        snprintf(text, size, "an emulator's times (TCG)");
    else
        snprintf(text, size, "times under %s", hypervisor);
}
