// Both doors into the kernel for C. Number in eax, arguments in rdi rsi rdx r10 r8 r9, result in
// rax, errors as -4095..-1. On Sallyport the two differ in nothing but the door; on Linux int 0x80
// leads to the i386 table: OTHER NUMBERS, 32-bit arguments.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum door { DOOR_INT, DOOR_SYSCALL, DOORS };

static const char *const door_names[DOORS] = {
    [DOOR_INT] = "int 0x80",
    [DOOR_SYSCALL] = "syscall",
};

// Preserves every register but rax.
static inline long door_int(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    long result;
    asm volatile("int $0x80"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "memory");
    return result;
}

// The instruction itself takes rcx (return address) and r11 (RFLAGS); all else is preserved.
static inline long door_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    long result;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

// The same for a call without arguments: nothing but the number is loaded.
static inline long door_int0(long number)
{
    long result;
    asm volatile("int $0x80" : "=a"(result) : "a"(number) : "memory");
    return result;
}

static inline long door_syscall0(long number)
{
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
    return result;
}

struct doors {
    bool open[DOORS];
    bool one_table;  // the same numbers behind both doors: Sallyport, not Linux
    char kernel[96]; // "Sallyport ENTRY=both", for a heading
};

// A Linux built or booted without 32-bit emulation kills whoever knocks: let a child find out.
static inline bool door_int_on_linux(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(door_int0(20 /* i386 getpid */) == getpid() ? 0 : 1);
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

// Which doors this kernel was built with. A closed door must not be tried: it is a fault.
static inline struct doors doors_find(void)
{
    struct doors doors = {0};
    struct utsname name;
    if (uname(&name) != 0)
        return doors;
    doors.one_table = strcmp(name.sysname, "Sallyport") == 0;
    if (!doors.one_table) {
        doors.open[DOOR_SYSCALL] = true;
        doors.open[DOOR_INT] = door_int_on_linux();
        snprintf(doors.kernel, sizeof(doors.kernel), "%.20s %.60s", name.sysname, name.release);
        return doors;
    }
    const char *entry = strstr(name.version, "ENTRY=");
    int length = entry ? (int)strcspn(entry, " ,;)") : 0;
    bool both = length == 10 && memcmp(entry, "ENTRY=both", 10) == 0;
    doors.open[DOOR_INT] = both || (length == 9 && memcmp(entry, "ENTRY=int", 9) == 0);
    doors.open[DOOR_SYSCALL] = both || (length == 13 && memcmp(entry, "ENTRY=syscall", 13) == 0);
    snprintf(doors.kernel, sizeof(doors.kernel), "Sallyport %.*s", length, entry ? entry : "");
    return doors;
}
