// What a program is told on its stack: arguments, environment and the auxiliary vector, for an
// executable at a fixed place and for one that can lie anywhere.
// libc: both

#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pointers.h"

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern void _start(void);

/* Addresses in initialised data: right only when the relocations were applied. */
static int pointed_at = 5;
static int *const volatile pointer = &pointed_at;
static int (*const volatile function)(void) = done;

static const ElfW(auxv_t) * auxv, *auxv_end;

static int entries_of(unsigned long type)
{
    int count = 0;

    for (const ElfW(auxv_t) *a = auxv; a < auxv_end; a++)
        count += a->a_type == type;
    return count;
}

static void test_layout(int argc, char *argv[])
{
    char **end = environ;

    ok(argc >= 1 && argv[argc] == NULL, "argv ends with NULL at argc");
    ok(environ == argv + argc + 1, "the environment follows the arguments");
    while (*end)
        end++;
    auxv = auxv_end = (const ElfW(auxv_t) *)(end + 1);
    while (auxv_end->a_type != AT_NULL && auxv_end - auxv < 64)
        auxv_end++;
    ok(auxv_end->a_type == AT_NULL, "the auxiliary vector follows the environment and ends");
    static const unsigned long wanted[] = {AT_PHDR,     AT_PHENT, AT_PHNUM,  AT_PAGESZ, AT_BASE,
                                           AT_FLAGS,    AT_ENTRY, AT_UID,    AT_EUID,   AT_GID,
                                           AT_EGID,     AT_HWCAP, AT_CLKTCK, AT_SECURE, AT_RANDOM,
                                           AT_PLATFORM, AT_EXECFN};
    int missing = 0;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (entries_of(wanted[i]) != 1 && ++missing)
            note("auxiliary entry missing or twice:", (long)wanted[i]);
    is(missing, 0, "each auxiliary entry that static programs ask for is there once");
}

static void test_values(const char *name)
{
    const char *random = (const char *)getauxval(AT_RANDOM);
    const char *file = (const char *)getauxval(AT_EXECFN);
    const char *platform = (const char *)getauxval(AT_PLATFORM);

    is(getauxval(AT_PAGESZ), 4096, "AT_PAGESZ is 4096");
    is(getauxval(AT_CLKTCK), 100, "AT_CLKTCK is 100");
    is(getauxval(AT_SECURE), 0, "AT_SECURE is 0");
    is(getauxval(AT_FLAGS), 0, "AT_FLAGS is 0");
    is(getauxval(AT_BASE), 0, "AT_BASE is 0: there is no interpreter");
    ok(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid(), "AT_UID is getuid");
    ok(getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid(), "AT_GID is getgid");
    ok(kernel_can_read(random) && kernel_can_read(random + 8), "AT_RANDOM has 16 readable bytes");
    ok(memcmp(random, random + 8, 8) != 0, "the 16 random bytes are not twice the same eight");
    ok(file && strcmp(file, name) == 0, "AT_EXECFN is the path that was executed");
    ok(platform && strcmp(platform, "x86_64") == 0, "AT_PLATFORM is x86_64");
}

static void test_image(void)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)__ehdr_start;
    const ElfW(Phdr) *first = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    unsigned long lowest = -1UL;
    int tls_ok = 1;

    is(getauxval(AT_PHENT), sizeof(ElfW(Phdr)), "AT_PHENT is a program header's size");
    is(getauxval(AT_PHNUM), header->e_phnum, "AT_PHNUM is the file's");
    is(first, __ehdr_start + header->e_phoff, "AT_PHDR is where the headers were loaded");
    is(getauxval(AT_ENTRY), _start, "AT_ENTRY is where the program started");
    for (int i = 0; i < header->e_phnum; i++) {
        if (first[i].p_type == PT_LOAD && first[i].p_vaddr < lowest)
            lowest = first[i].p_vaddr;
        if (first[i].p_type == PT_TLS)
            tls_ok = first[i].p_memsz >= first[i].p_filesz;
    }
    ok(tls_ok, "the program headers are what the linker wrote");
    if (header->e_type == ET_DYN)
        ok((unsigned long)__ehdr_start >= 0x10000, "a movable program was moved off its base of 0");
    else
        is(__ehdr_start, lowest & ~4095UL, "a fixed program is where its headers say");
    ok(*pointer == 5 && function == done, "pointers in initialised data point where they should");
}

/* The loader's work on the image itself, seen through the kernel's eyes. */
static void test_segments(char *argv[])
{
    static char bss[3 * PAGE];
    static int data = 77;
    char on_stack[16];

    ok(!kernel_can_write((char *)(uintptr_t)_start), "code is not writable");
    ok(!kernel_can_write((char *)(uintptr_t) "a string to read only"),
       "constants are not writable");
    ok(data == 77 && (data = 78) == 78, "data is there and writable");
    ok(bss[0] == 0 && memcmp(bss, bss + 1, sizeof(bss) - 1) == 0, "bss is zero");
    bss[PAGE] = on_stack[0] = 1;
    ok(kernel_can_write(bss + PAGE + 8), "bss is writable");
    ok(kernel_can_write(on_stack), "the stack is writable");
    ok(kernel_can_write(argv[0] + strlen(argv[0]) - 8), "the arguments are writable");
}

int main(int argc, char *argv[])
{
    char name[4096];

    strncpy(name, argv[0], sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    plan(29);
    test_layout(argc, argv);
    test_values(name);
    test_image();
    test_segments(argv);
    return done();
}
