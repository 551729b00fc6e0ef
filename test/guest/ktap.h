/* What every test program shares: KTAP lines, one write each, and system calls as the kernel sees
 * them, with no libc in between. Needs no libc itself. A check is made by one thread at a time. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

/* One system call, the result as the kernel leaves it in rax. A program that picks its door itself
 * defines RAW_SYSCALL and brings its own. */
#ifndef RAW_SYSCALL
static inline long raw(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#endif

/* sys(read, fd, buffer, 16): any argument type; those left out are 0. */
#define sys(name, ...)  sys_number(SYS_##name, ##__VA_ARGS__)
#define sys_number(...) SYS_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_PICK(n, a, b, c, d, e, f, ...)                                                         \
    raw((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static struct {
    int planned, ran, failed;
    size_t length;
    char line[600];
} ktap;

static inline void put(const char *text)
{
    while (*text && ktap.length < sizeof(ktap.line) - 1)
        ktap.line[ktap.length++] = *text++;
}

static inline void put_number(long value)
{
    char digits[24], *p = digits + sizeof(digits) - 1;
    unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;

    *p = 0;
    do
        *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--p = '-';
    put(p);
}

static inline void put_hex(unsigned long value)
{
    put("0x");
    for (int shift = 60; shift >= 0; shift -= 4)
        if (value >> shift || shift == 0)
            put((char[]){"0123456789abcdef"[(value >> shift) & 15], 0});
}

static inline void put_end_of_line(void)
{
    ktap.line[ktap.length++] = '\n';
    sys(write, 1, ktap.line, ktap.length);
    ktap.length = 0;
}

/* A diagnostic line: `# text value`. */
static inline void note(const char *text, long value)
{
    put("# ");
    put(text);
    put(" ");
    put_number(value);
    put_end_of_line();
}

static inline void plan(int checks)
{
    ktap.planned = checks;
    put("KTAP version 1");
    put_end_of_line();
    put("1..");
    put_number(checks);
    put_end_of_line();
}

static inline void put_result(bool pass, const char *sentence)
{
    ktap.ran++;
    ktap.failed += !pass;
    put(pass ? "ok " : "not ok ");
    put_number(ktap.ran);
    put(" - ");
    put(sentence);
}

static inline bool ok(bool pass, const char *sentence)
{
    put_result(pass, sentence);
    put_end_of_line();
    return pass;
}

static inline bool ktap_is(long got, long want, const char *want_text, const char *sentence)
{
    put_result(got == want, sentence);
    if (got != want) {
        put(" # expected ");
        put(want_text);
        put(" = ");
        put_number(want);
        put(", got ");
        put_number(got);
        if (got < -4095 || got > 4095) {
            put(" = ");
            put_hex((unsigned long)got);
        }
    }
    put_end_of_line();
    return got == want;
}

/* is(sys(close, -1), -EBADF, "closing what is not open is EBADF") */
#define is(got, want, sentence) ktap_is((long)(got), (long)(want), #want, sentence)

static inline void skip(const char *sentence, const char *reason)
{
    put_result(true, sentence);
    put(" # SKIP ");
    put(reason);
    put_end_of_line();
}

/* The exit status: 0 only when every planned check ran and none failed. */
static inline int done(void)
{
    if (ktap.ran != ktap.planned) {
        note("checks planned:", ktap.planned);
        note("checks that ran:", ktap.ran);
    }
    return ktap.failed || ktap.ran != ktap.planned;
}

/* True in our kernel, false on Linux, which serves as the oracle for all that both promise. */
static inline bool on_sallyport(void)
{
    static char names[6][65];
    const char *ours = "Sallyport", *p = names[0];

    sys(uname, names);
    while (*p && *p == *ours)
        p++, ours++;
    return *p == *ours;
}
