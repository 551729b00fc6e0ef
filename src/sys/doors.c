/* The MSRs behind syscall and sysret (SDM vol. 3, 5.8.8). */

#include "sys/doors.h"
#include "cpu/cpu.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"

extern const uint64_t door_syscall_entries[DOOR_VARIANTS]; /* door_syscall.asm */

uint64_t door_syscall_entry(void)
{
    return door_syscall_entries[mitigations_door_variant()];
}

void doors_open(void)
{
    /* syscall takes CS = STAR[47:32] and SS = that + 8; sysretq CS = STAR[63:48] + 16 and SS = that
     * + 8. RPL 3 stands in the selector itself: not every CPU forces it into SS (AMD APM vol. 2,
     * 6.1.1). */
    const uint64_t user_base = USER_SS - 8;
    wrmsr(MSR_STAR, user_base << 48 | (uint64_t)KERNEL_CS << 32);
    wrmsr(MSR_LSTAR, door_syscall_entry());
    /* From 32-bit code, on AMD: there is no 32-bit segment to come from. */
    wrmsr(MSR_CSTAR, 0);
    /* Everything ring 3 could hand in: above all IF (no interrupt before the stack is switched),
     * DF, TF (no #DB in the door), AC (SMAP), NT (iretq would fault), IOPL. */
    wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT | RFLAGS_IOPL |
                          RFLAGS_RF | RFLAGS_ARITH);
    /* Without SCE syscall is #UD. No other bit is wanted, whoever set it. */
    wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE | (ENTRY_SYSCALL ? EFER_SCE : 0));
}
