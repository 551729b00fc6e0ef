/* Every register of ring 3, and a way to go through a door with all of them known: TAKE(name,
 * "instruction") makes name(), which loads them from `want`, executes the instruction, and stores in
 * `got` what it left. Needs no libc. Included once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* In the order that the assembly below stores them. */
struct registers {
    unsigned long rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    unsigned long r8, r9, r10, r11, r12, r13, r14, r15, rflags;
};

// clang-format off
#define REGISTERS(OP)                                                                              \
    OP(rax, 0)   OP(rbx, 8)   OP(rcx, 16)  OP(rdx, 24)                                             \
    OP(rsi, 32)  OP(rdi, 40)  OP(rbp, 48)  /* rsp, 56, goes its own way */                         \
    OP(r8, 64)   OP(r9, 72)   OP(r10, 80)  OP(r11, 88)                                             \
    OP(r12, 96)  OP(r13, 104) OP(r14, 112) OP(r15, 120)
// clang-format on
_Static_assert(offsetof(struct registers, rsp) == 56 && offsetof(struct registers, rflags) == 128,
               "the assembly counts on these offsets");

/* Known to the assembly below by name, hence not static. */
struct registers want, got;
unsigned long our_stack, address_after;

/* Flags and stack pointer included. Nothing but rip-relative addresses is used on the way. */
#define LOAD(name, offset)  "mov want+" #offset "(%rip), %" #name "\n"
#define STORE(name, offset) "mov %" #name ", got+" #offset "(%rip)\n"
#define TAKE(name, instruction)                                                                    \
    void name(void);                                                                               \
    __asm__(#name                                                                                  \
            ": push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"                 \
            "mov %rsp, our_stack(%rip)\n"                                                          \
            "lea 1f(%rip), %rax\n"                                                                 \
            "mov %rax, address_after(%rip)\n"                                                      \
            "push want+128(%rip)\n"                                                                \
            "popfq\n" REGISTERS(                                                                   \
                LOAD) "mov want+56(%rip), %rsp\n" instruction "\n"                                 \
                      "1: " REGISTERS(                                                             \
                          STORE) "mov %rsp, got+56(%rip)\n"                                        \
                                 "mov our_stack(%rip), %rsp\n"                                     \
                                 "pushfq\n"                                                        \
                                 "pop got+128(%rip)\n"                                             \
                                 "push $2\n"                                                       \
                                 "popfq\n"                                                         \
                                 "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"    \
                                 "ret\n");

/* Every register a value of its own, `number` and arguments as given. */
static inline void prepare(unsigned long number, long a, long b, long c)
{
    unsigned long *all = (unsigned long *)&want;

    for (int i = 0; i < 17; i++)
        all[i] = 0x1122334455667788UL * (unsigned)(i + 3);
    want.rax = number;
    want.rdi = (unsigned long)a, want.rsi = (unsigned long)b, want.rdx = (unsigned long)c;
    want.rflags = 0x202;
}

/* The registers that did not come back, as bits in the order of struct registers. rax need not; rcx
 * and r11, where the door takes them, must be as syscall and sysret leave them. */
static inline long broken_registers(bool door_takes_two)
{
    struct registers promised = want;
    unsigned long *p = (unsigned long *)&promised, *g = (unsigned long *)&got;
    long bits = 0;

    promised.rax = got.rax;
    if (door_takes_two) {
        promised.rcx = address_after;
        promised.r11 = want.rflags;
    }
    for (int i = 0; i < 17; i++)
        bits |= (long)(p[i] != g[i]) << i;
    return bits;
}
