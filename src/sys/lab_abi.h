/* The lab: what a kernel that was booted with lab=on lets the bench do. Shared with userland. */
#pragma once

/* long lab(op, a, b), by either door; numbers of our own lie above Linux's. -EPERM without lab=on. */
#define SYS_LAB 1000

enum lab_op {
    /* a = enum lab_door, b = enum lab_rung: the stub stands in this door of the calling CPU, for the
     * calling thread, until LAB_GATE_END, a switch to another thread, a fault or an NMI takes it
     * away. Pin the thread first. 0; -EINVAL: no such stub; -ENODEV: the door is not in this build;
     * -EBUSY: another thread has the lab. */
    LAB_INSTALL,
    /* How many interrupts and NMIs the calling CPU has taken: a sample between two equal answers was
     * hit by none. */
    LAB_INTERRUPTS,
};

/* The stub under test is entered by `int LAB_GATE`, or by `syscall`. int 0x80 stays what it is. */
#define LAB_GATE 0x81
/* `int LAB_GATE_END`: the real door again. rax = 1: the stub stood all the time; 0: it was taken
 * away before, and what was measured is void. All other registers are preserved. */
#define LAB_GATE_END 0x82

enum lab_door { LAB_INT, LAB_SYSCALL, LAB_DOORS };

/* Each does what the one before does, and one thing more. Until LAB_DISPATCH rax comes back as it
 * was; none takes arguments. rcx and r11 are lost through syscall, and with LAB_CROSSED. */
enum lab_rung {
    LAB_BARE,     /* in and straight back */
    LAB_SWAPGS,   /* + the pair of swapgs */
    LAB_STACK,    /* + this CPU's stack (int: the gate has switched it already) */
    LAB_FRAME,    /* + the frame, and what goes with it: cld, clac */
    LAB_DISPATCH, /* + the masked dispatch, with eax = 0, to a function that only returns */
    LAB_REAL,     /* the real door, with any call */
    LAB_CROSSED,  /* the real door, but out by the other one's instruction: int and sysretq, syscall
                   * and iretq */
    LAB_RUNGS,
};
