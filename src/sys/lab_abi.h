/* The lab: what a kernel that was booted with lab=on lets the bench do. Shared with userland. */
#pragma once

/* long lab(op, a, b), by either door; numbers of our own lie above Linux's. -EPERM without lab=on,
 * -EINVAL for an unknown op. */
#define SYS_LAB 1000

enum lab_op {
    /* a = enum lab_door, b = enum lab_rung: the stub stands in this door of the calling CPU, for the
     * calling thread, until something takes it away: LAB_GATE_END, an exception that the thread
     * raises (a page that is touched for the first time is one), an NMI, a switch to another thread,
     * exec, the thread's end. So pin the thread, and touch what the samples need, first. A stub that
     * the thread has in place already gives way to this one.
     * 0; -EINVAL: no such stub; -ENODEV: it stands for a door that is not in this build, or is a
     * LAB_CROSSED for a door that carries other mitigations than the default ones; -EBUSY: a thread
     * on another CPU has the lab, of which there is one in the machine. */
    LAB_INSTALL,
    /* How many interrupts and NMIs the calling CPU has taken: a sample between two equal answers was
     * hit by none. Exceptions and the lab's own gates do not count. */
    LAB_INTERRUPTS,
};

/* The stub under test is entered by `int LAB_GATE`, or by `syscall`. int 0x80 stays what it is.
 * A stub that was taken away has the real door in its place: `syscall` is a call again, with the
 * number and the arguments that happen to be in the registers (let them be harmless), and `int
 * LAB_GATE` sets rax to -EAGAIN and preserves all other registers. */
#define LAB_GATE 0x81
/* `int LAB_GATE_END`: the real door again. rax = 1: the stub stood all the time; 0: it was taken
 * away before, and what was measured is void. All other registers are preserved. */
#define LAB_GATE_END 0x82

enum lab_door { LAB_INT, LAB_SYSCALL, LAB_DOORS };

/* Each does what the one before does, and one thing more. Up to LAB_FRAME rax comes back as it was,
 * from LAB_DISPATCH on as the call's result; none but the real doors takes arguments. rcx and r11 are
 * lost through syscall, and with LAB_CROSSED by either door; all else is preserved. */
enum lab_rung {
    LAB_BARE,     /* in and straight back */
    LAB_SWAPGS,   /* + the pair of swapgs */
    LAB_STACK,    /* + this CPU's stack (int: the gate has switched it already) */
    LAB_FRAME,    /* + the frame, and what goes with it: cld, clac */
    LAB_DISPATCH, /* + the masked dispatch, with eax = 0, to a function that only returns; rax = 0 */
    LAB_REAL,     /* the real door, with any call */
    LAB_CROSSED,  /* the real door, but out by the other one's instruction: int and sysretq, syscall
                   * and iretq */
    LAB_RUNGS,
};
