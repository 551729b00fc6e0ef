// Both doors do the same: same numbers, same results, and each gives back exactly the registers it
// promises. Linux keeps the same promises for syscall; its int 0x80 leads elsewhere and is
// skipped.
// args: $ENTRY
// redoor: no
// flags: -nostdlib -ffreestanding -fno-stack-protector

#include "bare.h"

TAKE(take_syscall, "syscall")
TAKE(take_int, "int $0x80")

/* The result of `want` through a door. */
static long take(int which)
{
    if (which == DOOR_INT)
        take_int();
    else
        take_syscall();
    return (long)got.rax;
}

static long broken(int which)
{
    return broken_registers(which == DOOR_SYSCALL);
}

static void each_door(long (*check)(int), const char *sentence)
{
    for (int i = 0; i < DOORS; i++) {
        long result;

        if (!open_doors[i]) {
            skip(sentence, i == DOOR_INT ? "int 0x80 is closed" : "syscall is closed");
            continue;
        }
        result = check(i);
        put_result(result == 0, sentence);
        put(", by ");
        put(door_names[i]);
        if (result) {
            put(" # registers or cases that are wrong: ");
            put_hex((unsigned long)result);
        }
        put_end_of_line();
    }
}

static long keeps_registers(int which)
{
    prepare(SYS_getppid, 1, 2, 3);
    take(which);
    return broken(which);
}

static long keeps_registers_in_errors(int which)
{
    prepare(SYS_write, -1, 0, 0);
    return take(which) == -EBADF ? broken(which) : -1;
}

static long keeps_registers_when_yielding(int which)
{
    long bits = 0;

    for (int i = 0; i < 200; i++) {
        prepare(SYS_sched_yield, 0, 0, 0);
        bits |= take(which) == 0 ? broken(which) : -1;
    }
    return bits;
}

static long keeps_registers_when_sleeping(int which)
{
    long nap[2] = {0, 2000000};

    prepare(SYS_nanosleep, (long)nap, 0, 0);
    return take(which) == 0 ? broken(which) : -1;
}

/* Each flag that ring 3 can set, alone, and all of them: CF PF AF ZF SF DF OF NT AC ID. */
static long keeps_flags(int which)
{
    static const unsigned long flags[] = {0x1,   0x4,    0x10,    0x40,     0x80,  0x400,
                                          0x800, 0x4000, 0x40000, 0x200000, 0xcd5, 0x244cd5};
    long bits = 0;

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        prepare(SYS_getpid, 0, 0, 0);
        want.rflags |= flags[i];
        take(which);
        bits |= broken(which);
        prepare(SYS_sched_yield, 0, 0, 0);
        want.rflags |= flags[i];
        take(which);
        bits |= broken(which);
    }
    return bits;
}

static long ignores_the_stack_pointer(int which)
{
    static const unsigned long stacks[] = {0, 1, 0x800000000000, 0xffff800000000000, -8UL, -1UL};
    long bits = 0;

    for (unsigned i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
        prepare(i % 2 ? SYS_sched_yield : SYS_getpid, 0, 0, 0);
        want.rsp = stacks[i];
        take(which);
        bits |= broken(which);
    }
    return bits;
}

static long ignores_high_bits(int which)
{
    long pid = sys(getpid);

    for (unsigned long high = 1UL << 32; high; high <<= 1) {
        prepare(high | SYS_getpid, 0, 0, 0);
        if (take(which) != pid || broken(which))
            return (long)high;
    }
    return 0;
}

static long refuses_unknown_numbers(int which)
{
    static const unsigned long numbers[] = {512,        0x3fffffff, 0x40000027,         0x7fffffff,
                                            0x80000000, 0x80000027, 0xffffffff,         0xfffffffe,
                                            -1UL,       0xf000ffff, 0x1234567880000027, 0x10000027};
    long bits = 0;

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        prepare(numbers[i], 0, 0, 0);
        bits |= (long)(take(which) != -ENOSYS || broken(which)) << i;
    }
    return bits;
}

static long keeps_segments(int which)
{
    unsigned before[2], after[2];

    __asm__ volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(before[0]), "=r"(before[1]));
    for (int i = 0; i < 2; i++) {
        through(which, i ? SYS_sched_yield : SYS_getpid, 0, 0, 0, 0, 0, 0);
        __asm__ volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(after[0]), "=r"(after[1]));
        if (after[0] != before[0] || after[1] != before[1])
            return after[0] << 16 | after[1];
    }
    return 0;
}

/* FS and GS bases that ring 3 itself wrote, some in the kernel's half, which only wrgsbase can. */
static long keeps_bases(int which)
{
    static const unsigned long bases[] = {
        0x1000, 0x7ffffffff000, 0xffff800000000000, 0xffffffff80000000, -1UL, 0};
    long bits = 0;

    for (unsigned i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
        for (int slow = 0; slow < 2; slow++) {
            unsigned long fs, gs;

            __asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(bases[i] ^ 8), "r"(bases[i]));
            through(which, slow ? SYS_sched_yield : SYS_getpid, 0, 0, 0, 0, 0, 0);
            __asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(fs), "=r"(gs));
            bits |= (long)(fs != (bases[i] ^ 8) || gs != bases[i]) << (2 * i + (unsigned)slow);
        }
    return bits;
}

/* The calls whose result one can foretell, and the same by the other door. */
static void test_same_results(void)
{
    static const unsigned long calls[][4] = {
        {SYS_getpid},        {SYS_getppid},     {SYS_gettid},           {SYS_getuid},
        {SYS_sched_yield},   {SYS_close, -1UL}, {SYS_read, -1UL},       {SYS_brk},
        {SYS_uname, 1},      {SYS_munmap, 1},   {SYS_lseek, -1UL},      {0x7fff},
        {SYS_mmap, 0, 0, 3}, {SYS_madvise, 1},  {SYS_rt_sigaction, 99}, {SYS_futex, 1, 1, 1}};
    long bits = 0;

    if (!open_doors[DOOR_INT] || !open_doors[DOOR_SYSCALL]) {
        skip("both doors give the same result for the same call", "one door is closed");
        return;
    }
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        const unsigned long *c = calls[i];
        long results[DOORS];

        for (int which = 0; which < DOORS; which++)
            results[which] =
                through(which, (long)c[0], (long)c[1], (long)c[2], (long)c[3], 0, 0, 0);
        bits |= (long)(results[0] != results[1]) << i;
    }
    is(bits, 0, "both doors give the same result for the same call");
}

static bool has_fsgsbase(const unsigned long *auxv)
{
    for (; auxv[0]; auxv += 2)
        if (auxv[0] == 26 /* AT_HWCAP2 */)
            return auxv[1] & 2; /* HWCAP2_FSGSBASE: the kernel lets ring 3 use them */
    return false;
}

int bare_main(int argc, char **argv)
{
    char **envp = argv + argc + 1;

    if (!on_sallyport())
        open_doors[DOOR_INT] = false;
    while (*envp)
        envp++;
    plan(21);
    test_same_results();
    each_door(keeps_registers, "a call gives back every register it promises");
    each_door(keeps_registers_in_errors, "a call that fails does so too");
    each_door(keeps_registers_when_yielding, "a call that switches threads does so too");
    each_door(keeps_registers_when_sleeping, "a call that sleeps does so too");
    each_door(keeps_flags, "a call gives back every flag that ring 3 can set");
    each_door(ignores_the_stack_pointer, "a call neither uses nor loses a wild stack pointer");
    each_door(ignores_high_bits, "bits 63:32 of rax are ignored");
    each_door(refuses_unknown_numbers, "an unknown number is ENOSYS and costs no register");
    each_door(keeps_segments, "code and stack segments come back as they were");
    if (has_fsgsbase((unsigned long *)(envp + 1))) {
        each_door(keeps_bases, "FS and GS bases come back, also in the kernel's half");
    } else {
        skip("FS and GS bases come back, by syscall", "no FSGSBASE");
        skip("FS and GS bases come back, by int 0x80", "no FSGSBASE");
    }
    return done();
}
