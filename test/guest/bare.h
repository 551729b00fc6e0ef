/* For test programs without a libc: the registers as the kernel handed them over, a way in, and the
 * doors. Such a program is told by its first argument which doors are open ("int", "syscall" or
 * "both"; none means syscall) and uses no other. Included once. */
#pragma once

#include <stdbool.h>

enum { DOOR_SYSCALL, DOOR_INT, DOORS };
static const char *const door_names[DOORS] = {"syscall", "int 0x80"};
static bool open_doors[DOORS];
static int door; /* the one that raw() takes: syscall where it is open */

static inline long through(int which, long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    if (which ==
        DOOR_INT) /* rbx -1: on Linux, where 63 is dup2(rbx, ...), asking uname does no harm */
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(number), "b"(-1L), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                         : "memory");
    else
        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
    return result;
}

#define RAW_SYSCALL
static inline long raw(long number, long a, long b, long c, long d, long e, long f)
{
    return through(door, number, a, b, c, d, e, f);
}

#include "ktap.h"
#include "registers.h"

struct registers at_entry; /* as execve left them */
int bare_main(int argc, char **argv);

__attribute__((noreturn, used)) static void bare_start(long *stack)
{
    char **argv = (char **)(stack + 1);

    open_doors[DOOR_INT] = stack[0] > 1 && argv[1][0] != 's';
    open_doors[DOOR_SYSCALL] = stack[0] < 2 || argv[1][0] != 'i';
    door = open_doors[DOOR_SYSCALL] ? DOOR_SYSCALL : DOOR_INT;
    sys(exit_group, bare_main((int)stack[0], argv));
    __builtin_unreachable();
}

#define STORE_AT_ENTRY(name, offset) "mov %" #name ", at_entry+" #offset "(%rip)\n"
__asm__(".globl _start\n"
        "_start:\n" REGISTERS(STORE_AT_ENTRY) "mov %rsp, at_entry+56(%rip)\n"
                                              "pushfq\n"
                                              "pop at_entry+128(%rip)\n"
                                              "mov %rsp, %rdi\n"
                                              "xor %ebp, %ebp\n"
                                              "and $-16, %rsp\n"
                                              "call bare_start\n");

/* What the compiler calls of its own accord. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *start = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t size)
{
    void *start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return start;
}
