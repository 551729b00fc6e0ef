/* The lab: who may have it, and how a stub gets into a door and out of it again. The stubs themselves
 * are in lab.asm. */

#include "sys/lab.h"
#include "cpu/idt.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "sys/doors.h"
#include "sys/lab_abi.h"
#include <asm/errno.h>
#include <stdatomic.h>

/* lab.asm */
typedef void stub(void);
stub lab_int_bare, lab_int_swapgs, lab_int_frame, lab_int_dispatch, lab_int_crossed;
stub lab_syscall_bare, lab_syscall_swapgs, lab_syscall_stack, lab_syscall_frame,
    lab_syscall_dispatch, lab_syscall_crossed;
/* The doors' first variants, which the crossed ones are made after. */
stub door_int, door_syscall;

static stub *const stubs[LAB_DOORS][LAB_RUNGS] = {
    [LAB_INT] =
        {
            [LAB_BARE] = lab_int_bare,
            [LAB_SWAPGS] = lab_int_swapgs,
            [LAB_STACK] = lab_int_swapgs, /* the gate has switched the stack */
            [LAB_FRAME] = lab_int_frame,
            [LAB_DISPATCH] = lab_int_dispatch,
            [LAB_CROSSED] = lab_int_crossed,
        },
    [LAB_SYSCALL] =
        {
            [LAB_BARE] = lab_syscall_bare,
            [LAB_SWAPGS] = lab_syscall_swapgs,
            [LAB_STACK] = lab_syscall_stack,
            [LAB_FRAME] = lab_syscall_frame,
            [LAB_DISPATCH] = lab_syscall_dispatch,
            [LAB_CROSSED] = lab_syscall_crossed,
        },
};

static bool is_open; /* constant once decided */

/* The CPU in whose door a stub stands or is about to. Taken and given back by compare-and-swap: an NMI
 * may have given it back already, and another CPU taken it. */
static struct cpu *_Atomic holder;

void lab_init(bool open)
{
    is_open = open;
    if (!open)
        return;
    idt_allow_user(LAB_GATE);
    idt_allow_user(LAB_GATE_END);
    klog("sys", "the lab is open: a program may put stubs into the doors of its CPU");
}

static bool door_is_here(uint64_t door)
{
    return door == LAB_INT ? ENTRY_INT : ENTRY_SYSCALL;
}

/* The entry to install; 0: this machine has none. */
static uint64_t find_entry(uint64_t door, uint64_t rung)
{
    uint64_t real = door == LAB_INT ? idt_entry(VECTOR_SYSCALL) : door_syscall_entry();
    if (rung == LAB_REAL)
        return real;
    /* A crossed door ends in the other one's instruction: sysretq wants EFER.SCE. */
    if (rung == LAB_CROSSED &&
        (real != (uint64_t)(door == LAB_INT ? door_int : door_syscall) || !ENTRY_SYSCALL))
        return 0;
    return (uint64_t)stubs[door][rung];
}

static long install(uint64_t door, uint64_t rung)
{
    if (door >= LAB_DOORS || rung >= LAB_RUNGS)
        return -EINVAL;
    if (!door_is_here(door))
        return -ENODEV;
    lab_leave(); /* what stands on this CPU can only be the caller's own */
    uint64_t entry = find_entry(door, rung);
    if (!entry)
        return -ENODEV;

    struct cpu *cpu = this_cpu->self, *nobody = NULL;
    if (!atomic_compare_exchange_strong(&holder, &nobody, cpu))
        return -EBUSY;
    if (door == LAB_INT)
        idt_load_copy(LAB_GATE, entry);
    else
        wrmsr(MSR_LSTAR, entry);
    /* Last: an NMI up to here finds nothing to withdraw, and came before the stub. */
    __atomic_store_n(&cpu->lab_installed, true, __ATOMIC_RELEASE);
    return 0;
}

bool lab_withdraw(void)
{
    struct cpu *cpu = this_cpu->self;
    if (!__atomic_load_n(&cpu->lab_installed, __ATOMIC_ACQUIRE))
        return false;
    /* An NMI between any two of these lines does all of them, and doing them again changes nothing. */
    wrmsr(MSR_LSTAR, door_syscall_entry());
    idt_load();
    __atomic_store_n(&cpu->lab_installed, false, __ATOMIC_RELEASE);
    struct cpu *self = cpu;
    atomic_compare_exchange_strong(&holder, &self, NULL);
    return true;
}

bool lab_answer(struct trap_frame *frame)
{
    if (!is_open)
        return false;
    if (frame->vector == LAB_GATE)
        frame->rax = (uint64_t)-EAGAIN;
    else if (frame->vector == LAB_GATE_END)
        frame->rax = lab_withdraw();
    else
        return false;
    return true;
}

long sys_lab(uint64_t op, uint64_t door, uint64_t rung)
{
    if (!is_open)
        return -EPERM;
    switch (op) {
    case LAB_INSTALL:
        return install(door, rung);
    case LAB_INTERRUPTS:
        return (long)(this_cpu->interrupt_count + this_cpu->nmi_count);
    default:
        return -EINVAL;
    }
}
