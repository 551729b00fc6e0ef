/* The compiler tells assembly what it must know: this file is compiled to assembly only, and the
 * build turns its lines into asm-offsets.inc. */

#include "cpu/cpu.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"
#include "dev/power.h"
#include "mm/layout.h"
#include "sys/lab_abi.h"
#include "sys/table.h"

#define DEFINE(symbol, value)                                                                      \
    __asm__ volatile("\n.ascii \"->" #symbol " %0\"" : : "i"((uint64_t)(value)))
#define CONSTANT(symbol)                                                                           \
    __asm__ volatile("\n.ascii \"->" #symbol " %0\"" : : "i"((uint64_t)(symbol)))
#define FRAME(symbol, member) DEFINE(FRAME_##symbol, offsetof(struct trap_frame, member))

void asm_offsets(void);

void asm_offsets(void)
{
    DEFINE(CPU_STACK_TOP, offsetof(struct cpu, stack_top));
    DEFINE(CPU_USER_RSP, offsetof(struct cpu, user_rsp));
    DEFINE(CPU_WORK, offsetof(struct cpu, work));
    DEFINE(CPU_KERNEL_CR3, offsetof(struct cpu, kernel_cr3));
    DEFINE(CPU_USER_CR3, offsetof(struct cpu, user_cr3));
    DEFINE(CPU_OFF_SINCE, offsetof(struct cpu, off_since));
    DEFINE(CPU_OFF_KIND, offsetof(struct cpu, off_kind));
    DEFINE(CPU_STATE, offsetof(struct cpu, state));
    CONSTANT(CPU_STATE_STARTING);
    CONSTANT(CPU_STATE_RUNNING);
    DEFINE(CPU_APIC_ID, offsetof(struct cpu, apic_id));

    DEFINE(FRAME_SIZE, sizeof(struct trap_frame));
    FRAME(R15, r15);
    FRAME(R14, r14);
    FRAME(R13, r13);
    FRAME(R12, r12);
    FRAME(RBP, rbp);
    FRAME(RBX, rbx);
    FRAME(R11, r11);
    FRAME(RAX, rax);
    FRAME(RDX, rdx);
    FRAME(RDI, rdi);
    FRAME(ORIG_RAX, orig_rax);
    FRAME(RIP, rip);
    FRAME(CS, cs);
    FRAME(RFLAGS, rflags);
    FRAME(RSP, rsp);

    CONSTANT(KERNEL_CS);
    CONSTANT(USER_CS);
    CONSTANT(USER_SS);
    CONSTANT(MSR_APIC_BASE);
    CONSTANT(APIC_BASE_X2);
    CONSTANT(MSR_X2APIC);
    CONSTANT(MSR_EFER);
    CONSTANT(MSR_MISC_ENABLE);
    CONSTANT(MISC_ENABLE_NO_NX_HIGH);
    CONSTANT(MSR_GS_BASE);
    CONSTANT(MSR_SPEC_CTRL);
    CONSTANT(SPEC_CTRL_IBRS);
    CONSTANT(MITIGATION_SMAP);
    CONSTANT(MITIGATION_SWAPGS_FENCE);
    CONSTANT(MITIGATION_CLEAR_REGS);
    CONSTANT(MITIGATION_IBRS);
    CONSTANT(MITIGATION_KPTI);
    CONSTANT(DOOR_UNMASKED);
    CONSTANT(DOOR_CLEARS_REGS);
    CONSTANT(DOOR_SETS_IBRS);
    CONSTANT(DOOR_CHANGES_TABLES);
    CONSTANT(DOOR_TIMED);
    CONSTANT(DOOR_VARIANTS);
    CONSTANT(EFER_LME);
    CONSTANT(EFER_NXE);
    CONSTANT(CR4_PAE);
    DEFINE(CR0_BOOT, CR0_PE | CR0_ET | CR0_WP | CR0_PG);
    DEFINE(PML4_DIRECT_MAP, DIRECT_MAP_BASE >> 39 & 511);
    CONSTANT(PER_CPU_BASE);
    CONSTANT(CPU_STRIDE);
    CONSTANT(CPU_BLOCK_OFFSET);
    CONSTANT(SYSCALL_COUNT);
    CONSTANT(SYS_LAB);
    CONSTANT(EXIT_FAIL);
}
