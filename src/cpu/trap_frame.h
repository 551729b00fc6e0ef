/* The one picture of an interrupted context: both doors, every exception and every interrupt leave
 * it on the stack in this layout, Linux's pt_regs with one word (the vector) in front. From ring 3
 * it ends at the top of this CPU's syscall stack. */
#pragma once

#include "lib/static_assert.h"
#include <stddef.h>
#include <stdint.h>

struct trap_frame {
    uint64_t vector; /* IDT vector; unwritten by the doors. Also makes the size a multiple of 16 */
    /* Preserved by C: written by exceptions, and by the doors only on their slow way out. */
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t orig_rax; /* the call's number at the doors, an exception's error code */
    /* As the CPU pushes them (SDM vol. 3, 6.14.2). */
    uint64_t rip, cs, rflags, rsp, ss;
};

static_assert(sizeof(struct trap_frame) % 16 == 0, "the stack stays aligned for C below a frame");
static_assert(sizeof(struct trap_frame) - offsetof(struct trap_frame, rip) == 5 * 8,
              "the CPU's part ends the frame");
