// One passage through a door: every register is loaded, the door is passed, every register is
// captured. The code between load and capture is all there is in stress that depends on the ABI's
// small print.
#define _GNU_SOURCE
#include "stress.h"

// Field offsets as seen from rsp, which points at `in`.
#define AT(field)  "%c[" #field "](%%rsp)"
#define OFF(field) [field] "i"(offsetof(struct door_frame, field) - offsetof(struct door_frame, in))
#define IN(r)      "%c[in]+8*" #r "(%%rsp)"
#define OUT(r)     "%c[out]+8*" #r "(%%rsp)"

// mov, lea and jrcxz leave RFLAGS alone: the random flags hold while the thread waits to be
// preempted.
// clang-format off
#define PASS(instruction)                                                                          \
    asm volatile(                                                                                  \
        "mov %%rbx, %c[rbx_at](%%rdi)\n"                                                           \
        "mov %%rbp, %c[rbp_at](%%rdi)\n"                                                           \
        "mov %%rsp, %c[rsp_at](%%rdi)\n"                                                           \
        "lea %c[in_at](%%rdi), %%rsp\n"                                                            \
        /* floating point and vectors */                                                           \
        "mov " AT(fp_in) ", %%rcx\n"                                                               \
        "mov " AT(fp_mask) ", %%eax\n"                                                             \
        "xor %%edx, %%edx\n"                                                                       \
        "cmpq $0, " AT(xsave) "\n"                                                                 \
        "je 1f\n"                                                                                  \
        "xrstor64 (%%rcx)\n"                                                                       \
        "jmp 2f\n"                                                                                 \
        "1: fxrstor64 (%%rcx)\n"                                                                   \
        /* segment bases */                                                                        \
        "2: cmpq $0, " AT(fsgsbase) "\n"                                                           \
        "je 3f\n"                                                                                  \
        "rdfsbase %%rax\n"                                                                         \
        "mov %%rax, " AT(fs_own) "\n"                                                              \
        "mov " AT(fs_in) ", %%rax\n"                                                               \
        "wrfsbase %%rax\n"                                                                         \
        "mov " AT(gs_in) ", %%rax\n"                                                               \
        "wrgsbase %%rax\n"                                                                         \
        "3: mov %%ss, %%eax\n"                                                                     \
        "mov %%rax, " AT(ss_in) "\n"                                                               \
        "mov %%rsp, " IN(4) "\n"                                                                   \
        "lea 6f(%%rip), %%rax\n"                                                                   \
        "mov %%rax, " AT(door_at) "\n"                                                             \
        /* flags, then general registers and the ends of the red zone */                           \
        "pushq " AT(flags_in) "\n"                                                                 \
        "popfq\n"                                                                                  \
        "mov " IN(0) ", %%rax\n"                                                                   \
        "mov " IN(2) ", %%rdx\n"                                                                   \
        "mov " IN(3) ", %%rbx\n"                                                                   \
        "mov " IN(5) ", %%rbp\n"                                                                   \
        "mov " IN(6) ", %%rsi\n"                                                                   \
        "mov " IN(7) ", %%rdi\n"                                                                   \
        "mov " IN(8) ", %%r8\n"                                                                    \
        "mov " IN(9) ", %%r9\n"                                                                    \
        "mov " IN(10) ", %%r10\n"                                                                  \
        "mov " IN(11) ", %%r11\n"                                                                  \
        "mov " IN(12) ", %%r12\n"                                                                  \
        "mov " IN(13) ", %%r13\n"                                                                  \
        "mov " IN(14) ", %%r14\n"                                                                  \
        "mov " IN(15) ", %%r15\n"                                                                  \
        "mov %%r15, -8(%%rsp)\n"                                                                   \
        "mov %%r14, -128(%%rsp)\n"                                                                 \
        "mov " AT(spins_in) ", %%rcx\n"                                                            \
        "4: jrcxz 5f\n"                                                                            \
        "lea -1(%%rcx), %%rcx\n"                                                                   \
        "jmp 4b\n"                                                                                 \
        "5: mov " IN(1) ", %%rcx\n"                                                                \
        "6: " instruction "\n"                                                                     \
        "mov %%rcx, " OUT(1) "\n"                                                                  \
        "mov " AT(spins_out) ", %%rcx\n"                                                           \
        "7: jrcxz 8f\n"                                                                            \
        "lea -1(%%rcx), %%rcx\n"                                                                   \
        "jmp 7b\n"                                                                                 \
        "8: mov %%rax, " OUT(0) "\n"                                                               \
        "mov %%rdx, " OUT(2) "\n"                                                                  \
        "mov %%rbx, " OUT(3) "\n"                                                                  \
        "mov %%rsp, " OUT(4) "\n"                                                                  \
        "mov %%rbp, " OUT(5) "\n"                                                                  \
        "mov %%rsi, " OUT(6) "\n"                                                                  \
        "mov %%rdi, " OUT(7) "\n"                                                                  \
        "mov %%r8, " OUT(8) "\n"                                                                   \
        "mov %%r9, " OUT(9) "\n"                                                                   \
        "mov %%r10, " OUT(10) "\n"                                                                 \
        "mov %%r11, " OUT(11) "\n"                                                                 \
        "mov %%r12, " OUT(12) "\n"                                                                 \
        "mov %%r13, " OUT(13) "\n"                                                                 \
        "mov %%r14, " OUT(14) "\n"                                                                 \
        "mov %%r15, " OUT(15) "\n"                                                                 \
        "mov -8(%%rsp), %%rax\n"                                                                   \
        "mov %%rax, " AT(red_out) "\n"                                                             \
        "mov -128(%%rsp), %%rax\n"                                                                 \
        "mov %%rax, 8+" AT(red_out) "\n"                                                           \
        "mov %%ss, %%eax\n"                                                                        \
        "mov %%rax, " AT(ss_out) "\n"                                                              \
        "pushfq\n"                                                                                 \
        "popq " AT(flags_out) "\n"                                                                 \
        "pushq $2\n" /* C wants DF clear; alignment checks and NT are not its business either */   \
        "popfq\n"                                                                                  \
        "cmpq $0, " AT(fsgsbase) "\n"                                                              \
        "je 9f\n"                                                                                  \
        "rdgsbase %%rax\n"                                                                         \
        "mov %%rax, " AT(gs_out) "\n"                                                              \
        "rdfsbase %%rax\n"                                                                         \
        "mov %%rax, " AT(fs_out) "\n"                                                              \
        "mov " AT(fs_own) ", %%rax\n"                                                              \
        "wrfsbase %%rax\n"                                                                         \
        "9: mov " AT(fp_out) ", %%rcx\n"                                                           \
        "mov " AT(fp_mask) ", %%eax\n"                                                             \
        "xor %%edx, %%edx\n"                                                                       \
        "cmpq $0, " AT(xsave) "\n"                                                                 \
        "je 10f\n"                                                                                 \
        "xsave64 (%%rcx)\n"                                                                        \
        "jmp 11f\n"                                                                                \
        "10: fxsave64 (%%rcx)\n"                                                                   \
        "11: test $4, %%al\n" /* dirty upper halves would slow down the C around */                \
        "jz 12f\n"                                                                                 \
        "vzeroupper\n"                                                                             \
        "12: fninit\n"                                                                             \
        "pushq $0x1f80\n"                                                                          \
        "ldmxcsr (%%rsp)\n"                                                                        \
        "pop %%rax\n"                                                                              \
        "mov " AT(kept_rbx) ", %%rbx\n"                                                            \
        "mov " AT(kept_rbp) ", %%rbp\n"                                                            \
        "mov " AT(kept_rsp) ", %%rsp\n"                                                            \
        : "+D"(frame)                                                                              \
        : OFF(in), OFF(out), OFF(flags_in), OFF(flags_out), OFF(red_out), OFF(ss_in), OFF(ss_out), \
          OFF(fs_in), OFF(fs_out), OFF(gs_in), OFF(gs_out), OFF(fs_own), OFF(spins_in),            \
          OFF(spins_out), OFF(door_at), OFF(fp_mask), OFF(fp_in), OFF(fp_out), OFF(xsave),         \
          OFF(fsgsbase), OFF(kept_rbx), OFF(kept_rbp), OFF(kept_rsp),                              \
          [in_at] "i"(offsetof(struct door_frame, in)),                                            \
          [rbx_at] "i"(offsetof(struct door_frame, kept_rbx)),                                     \
          [rbp_at] "i"(offsetof(struct door_frame, kept_rbp)),                                     \
          [rsp_at] "i"(offsetof(struct door_frame, kept_rsp))                                      \
        : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",        \
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory")
// clang-format on

// Compiled apart from its callers and never inlined, so each door instruction stands there once.
__attribute__((noinline)) void door_pass(struct door_frame *frame, enum door door)
{
    if (door == DOOR_INT)
        PASS("int $0x80");
    else
        PASS("syscall");
}
