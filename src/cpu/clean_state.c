/* What firmware, a loader or an earlier kernel may have left in a CPU, that the doors or ring 3 would
 * meet, and that nothing else here writes whole: docs/doors.md has the list. */

#include "cpu/clean_state.h"
#include "cpu/regs.h"
#include <stddef.h>

/* Zero is "off" in all of them. Not every CPU has each. */
static const uint32_t zeroed[] = {
    MSR_SYSENTER_CS, /* null: sysenter is #GP (SDM vol. 2, SYSENTER) */
    MSR_SYSENTER_ESP,  MSR_SYSENTER_EIP,
    MSR_DEBUGCTL, /* BTF would make of a single step one to the next branch; BTS writes to memory */
    MSR_MISC_FEATURES, /* CPUID faulting: cpuid in ring 3 would be #GP */
    MSR_XSS,
};

bool read_msr_if_there(uint32_t msr, uint64_t *value)
{
    uint32_t low, high, there;
    __asm__ volatile("xorl %0, %0\n"
                     "1:\trdmsr\n\t"
                     "incl %0\n"
                     "2:\n\t"
                     ".pushsection .fixup_table, \"a\", @progbits\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : "=&r"(there), "=&a"(low), "=&d"(high)
                     : "c"(msr));
    *value = (uint64_t)high << 32 | low;
    return there;
}

/* As above; and some emulators let one read what they do not let one write. */
static void zero_msr_if_there(uint32_t msr)
{
    __asm__ volatile("1:\trdmsr\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "xorl %%edx, %%edx\n"
                     "2:\twrmsr\n"
                     "3:\n\t"
                     ".pushsection .fixup_table, \"a\", @progbits\n\t"
                     ".quad 1b, 3b\n\t"
                     ".quad 2b, 3b\n\t"
                     ".popsection"
                     :
                     : "c"(msr)
                     : "eax", "edx", "memory");
}

static void disarm_breakpoints(void)
{
    write_dr7(DR7_NOTHING); /* first: no change of the others matches */
    write_dr0(0);
    write_dr1(0);
    write_dr2(0);
    write_dr3(0);
    write_dr6(DR6_NOTHING);
}

void cpu_clean_state(void)
{
    /* A selector with TI set is #GP then, and does not lead to a table of whoever came before. */
    __asm__ volatile("lldt %w0" : : "r"(0));
    disarm_breakpoints();
    for (size_t i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); i++)
        zero_msr_if_there(zeroed[i]);
}
