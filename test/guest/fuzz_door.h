/* One passage through a door with every register known, for many threads at once, and for calls after
 * which there are two: a child needs no stack of its parent's and finds itself in fuzz_child. */
#pragma once

#include <stddef.h>

#include "attack.h"

/* The registers in the order in which they are stored; rsp is not among them, r15 holds the passage. */
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, REGISTERS };
static const char *const register_names[REGISTERS] = {
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
};

struct passage {
    uint64_t in[REGISTERS], out[REGISTERS];
    uint64_t flags_in, flags_out, rsp_in, rsp_out;
    uint64_t after; /* the address behind the instruction */
};
_Static_assert(offsetof(struct passage, out) == 112 && offsetof(struct passage, flags_in) == 224 &&
                   offsetof(struct passage, after) == 256,
               "the assembly counts on these offsets");

/* The start of a worker: its stack's top. */
struct worker;
__attribute__((noreturn, used)) static void fuzz_child(struct worker *worker);

// clang-format off
#define EACH(OP)                                                                                   \
    OP(rax, 0) OP(rbx, 8) OP(rcx, 16) OP(rdx, 24) OP(rsi, 32) OP(rdi, 40) OP(rbp, 48)              \
    OP(r8, 56) OP(r9, 64) OP(r10, 72) OP(r11, 80) OP(r12, 88) OP(r13, 96) OP(r14, 104)
#define LOAD(name, offset)  "mov " #offset "(%r15), %" #name "\n"
#define STORE(name, offset) "mov %" #name ", 112+" #offset "(%r15)\n"

/* After a call that makes a child there are two here, of which the child may not touch what is its
 * parent's: r14 holds its worker. (rcx is spent on telling them apart; jrcxz leaves the flags alone.) */
#define TELL_CHILD                                                                                 \
    "mov %eax, %ecx; jrcxz 2f; jmp 3f\n"                                                           \
    "2: mov (%r14), %rsp\n"                                                                        \
    "push $2; popfq\n"                                                                             \
    "xor %ebp, %ebp; mov %r14, %rdi\n"                                                             \
    "call fuzz_child\n"                                                                            \
    "3:\n"

#define PASS(name, instruction, behind_it)                                                         \
    void name(struct passage *passage);                                                            \
    __asm__(#name ":\n"                                                                            \
            "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"                   \
            "mov %rdi, %r15\n"                                                                     \
            "mov %rsp, 240(%r15)\n"                                                                \
            "lea 1f(%rip), %rax\n"                                                                 \
            "mov %rax, 256(%r15)\n"                                                                \
            "push 224(%r15); popfq\n"                                                              \
            EACH(LOAD)                                                                             \
            instruction "\n"                                                                       \
            "1:" behind_it                                                                         \
            EACH(STORE)                                                                            \
            "mov %rsp, 248(%r15)\n"                                                                \
            "pushfq; pop 232(%r15)\n"                                                              \
            "push $2; popfq\n"                                                                     \
            "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"                         \
            "ret\n");
// clang-format on
PASS(pass_int, "int $0x80", "")
PASS(pass_syscall, "syscall", "")
PASS(birth_int, "int $0x80", TELL_CHILD)
PASS(birth_syscall, "syscall", TELL_CHILD)

static inline void pass(struct passage *p, enum door which)
{
    (which == DOOR_INT ? pass_int : pass_syscall)(p);
}

/* The child's worker is in r14. */
static inline void pass_birth(struct passage *p, enum door which)
{
    (which == DOOR_INT ? birth_int : birth_syscall)(p);
    p->out[RCX] = which == DOOR_INT ? p->in[RCX] : p->after;
}

/* The first register that did not come back as the door promises, or NULL. */
static inline const char *broken_register(const struct passage *p, enum door which)
{
    for (int i = RBX; i < REGISTERS; i++) {
        uint64_t promised = p->in[i];

        if (which == DOOR_SYSCALL && i == RCX)
            promised = p->after;
        if (which == DOOR_SYSCALL && i == R11)
            promised = p->flags_in;
        if (p->out[i] != promised)
            return register_names[i];
    }
    return p->flags_out != p->flags_in ? "rflags" : p->rsp_out != p->rsp_in ? "rsp" : NULL;
}
