// The state in which a program starts: registers, flags, stack, segments and vector unit as execve
// leaves them, seen before any libc has touched them.
// flags: -nostdlib -ffreestanding -fno-stack-protector

#include "bare.h"

static struct {
    unsigned short control, status;
    unsigned char tags, rest[19];
    unsigned mxcsr, mxcsr_mask;
    unsigned char st[128], xmm[256], reserved[96];
} __attribute__((aligned(16))) fpu;

static bool all_zero(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    while (size && p[size - 1] == 0)
        size--;
    return size == 0;
}

static void test_registers(void)
{
    struct registers r = at_entry;
    unsigned short ds, es, fs, gs, cs, ss;

    is(r.rsp % 16, 0, "the stack is aligned to 16 bytes");
    is(r.rdx, 0, "rdx is 0: nothing to register with atexit");
    r.rsp = r.rflags = 0;
    ok(all_zero(&r, sizeof(r)), "every other register is 0: nothing of the kernel leaks");
    is(at_entry.rflags, 0x202, "flags: interrupts on, direction up, nothing else");
    __asm__("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3; mov %%cs, %4; mov %%ss, %5"
            : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs), "=r"(cs), "=r"(ss));
    is(ds | es | fs | gs, 0, "the data segments are null");
    ok((cs & 3) == 3 && (ss & 3) == 3, "code and stack segments are ring 3's");
}

static void test_bases(void)
{
    unsigned long fs = 1, gs = 1;

    sys(arch_prctl, 0x1003 /* ARCH_GET_FS */, &fs);
    sys(arch_prctl, 0x1004 /* ARCH_GET_GS */, &gs);
    is(fs, 0, "the FS base is 0");
    is(gs, 0, "the GS base is 0");
}

static void test_stack(int argc, char **argv)
{
    char **envp = argv + argc + 1;
    unsigned long *auxv, entries = 0;

    ok(argc >= 1 && argv == (char **)(at_entry.rsp + 8), "argc is at rsp, argv above it");
    ok(argv[0] && argv[0][0], "argv[0] is the program's name");
    ok(argv[argc] == NULL, "argv ends with NULL");
    while (*envp)
        envp++;
    auxv = (unsigned long *)(envp + 1);
    while (auxv[0] && entries < 64)
        auxv += 2, entries++;
    ok(entries >= 10 && entries < 64, "the auxiliary vector ends with AT_NULL");
    ok((unsigned long)argv[0] > (unsigned long)auxv, "the strings lie above the vectors");
}

int bare_main(int argc, char **argv)
{
    __asm__ volatile("fxsave64 %0" : "=m"(fpu));
    plan(17);
    test_registers();
    test_bases();
    test_stack(argc, argv);
    is(fpu.control, 0x37f, "x87: all exceptions masked, 64-bit precision");
    is(fpu.tags, 0, "x87: the register stack is empty");
    is(fpu.mxcsr, 0x1f80, "SSE: all exceptions masked, to nearest");
    ok(all_zero(fpu.xmm, sizeof(fpu.xmm)) && all_zero(fpu.st, sizeof(fpu.st)),
       "vector and x87 registers are 0: nothing of another program leaks");
    return done();
}
