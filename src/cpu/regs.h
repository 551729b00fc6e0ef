/* Control registers, model-specific registers and the few instructions C has no word for. Numbers
 * and bits: Intel SDM vol. 3, 2.5 (control registers) and vol. 4 (MSRs). Assembly gets them through
 * asm-offsets.c. */
#pragma once

#include <stdint.h>

#define CR0_PE (1UL << 0)
#define CR0_MP (1UL << 1)
#define CR0_ET (1UL << 4)
#define CR0_NE (1UL << 5)
#define CR0_WP (1UL << 16) /* ring 0 obeys read-only pages too */
#define CR0_PG (1UL << 31)

#define CR4_TSD        (1UL << 2)
#define CR4_PAE        (1UL << 5)
#define CR4_MCE        (1UL << 6)
#define CR4_PGE        (1UL << 7)
#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_UMIP       (1UL << 11)
#define CR4_FSGSBASE   (1UL << 16)
#define CR4_PCIDE      (1UL << 17)
#define CR4_OSXSAVE    (1UL << 18)
#define CR4_SMEP       (1UL << 20)
#define CR4_SMAP       (1UL << 21)

/* With CR4.PCIDE. A load of CR3 flushes what the TLB holds of the PCID in bits 11:0, unless bit 63
 * is set (SDM vol. 3, 4.10.4.1). */
#define CR3_PCID_USER 1UL /* of ring 3's page tables; 0: of the kernel's */
#define CR3_NO_FLUSH  (1UL << 63)

#define RFLAGS_FIXED (1UL << 1) /* always set */
#define RFLAGS_TF    (1UL << 8)
#define RFLAGS_IF    (1UL << 9)
#define RFLAGS_DF    (1UL << 10)
#define RFLAGS_IOPL  (3UL << 12)
#define RFLAGS_NT    (1UL << 14)
#define RFLAGS_RF    (1UL << 16)
#define RFLAGS_AC    (1UL << 18)
#define RFLAGS_ARITH 0x8d5UL /* CF PF AF ZF SF OF */

#define MSR_APIC_BASE      0x1b
#define MSR_SPEC_CTRL      0x48
#define MSR_PRED_CMD       0x49
#define MSR_ARCH_CAPS      0x10a
#define MSR_MISC_FEATURES  0x140
#define MSR_SYSENTER_CS    0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_MISC_ENABLE    0x1a0 /* Intel's */
#define MSR_DEBUGCTL       0x1d9
#define MSR_XSS            0xda0
#define MSR_X2APIC         0x800 /* the registers in order, one each where xAPIC mode has 16 bytes */
#define MSR_PAT            0x277
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX        0xc0000103
#define MSR_DE_CFG         0xc0011029 /* AMD's */

#define EFER_SCE (1UL << 0)
#define EFER_LME (1UL << 8)
#define EFER_LMA (1UL << 10)
#define EFER_NXE (1UL << 11)

#define APIC_BASE_X2 (1UL << 10) /* the APIC is in x2APIC mode */

#define MISC_ENABLE_NO_NX_HIGH (1U << 2) /* XD Bit Disable: bit 34 */

#define PAT_WC_SECOND            0x0007040600070106UL /* as at reset, but entry 1: write-combining */
#define DE_CFG_LFENCE_SERIALISES (1UL << 1)
#define SPEC_CTRL_IBRS           (1UL << 0)
#define PRED_CMD_IBPB            (1UL << 0)
#define ARCH_CAPS_RDCL_NO        (1UL << 0) /* not open to Meltdown */
#define ARCH_CAPS_IBRS_ALL       (1UL << 1) /* IBRS may stay set in ring 3 too, for the same protection */

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

/* What comes before is done and visible, and what comes after has not begun. On older AMD CPUs mfence is
 * the one that holds back RDTSC, on Intel's lfence. */
static inline void fence(void)
{
    __asm__ volatile("mfence; lfence" : : : "memory");
}

/* What was written write-combining leaves the CPU's buffers: by a locked instruction as well (SDM vol. 3,
 * 12.3.1), which, unlike a fence, does not need SSE2. */
static inline void drain_writes(void)
{
    __asm__ volatile("lock orl $0, (%%rsp)" : : : "memory", "cc");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#define CONTROL_REGISTER(n)                                                                        \
    static inline uint64_t read_cr##n(void)                                                        \
    {                                                                                              \
        uint64_t value;                                                                            \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(value) : : "memory");                         \
        return value;                                                                              \
    }                                                                                              \
    static inline void write_cr##n(uint64_t value)                                                 \
    {                                                                                              \
        __asm__ volatile("mov %0, %%cr" #n : : "r"(value) : "memory");                             \
    }
CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

/* Of debug registers only what is written: 0 to 3 are addresses, 6 tells what happened, 7 arms. */
#define DEBUG_REGISTER(n)                                                                          \
    static inline void write_dr##n(uint64_t value)                                                 \
    {                                                                                              \
        __asm__ volatile("mov %0, %%dr" #n : : "r"(value));                                        \
    }
DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)
#define DR6_NOTHING 0xffff0ff0UL /* as at reset (SDM vol. 3, table 10-1): bits 0 if it was so */
#define DR7_NOTHING 0x400UL

static inline void invlpg(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

enum invpcid_type { INVPCID_ADDRESS, INVPCID_CONTEXT };

static inline void invpcid(enum invpcid_type type, uint64_t pcid, uint64_t address)
{
    const uint64_t descriptor[2] = {pcid, address};
    __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"((uint64_t)type) : "memory");
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* Resets the machine: without an IDT neither the breakpoint can be delivered nor the double fault
 * that comes of it, and that shuts the CPU down (SDM vol. 3, 6.15, interrupt 8). */
static inline _Noreturn void triple_fault(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) nothing = {0, 0};
    for (;;)
        __asm__ volatile("lidt %0; int3" : : "m"(nothing));
}

/* Stops this CPU for good; only NMI, INIT and machine checks still reach it. */
static inline _Noreturn void halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}
