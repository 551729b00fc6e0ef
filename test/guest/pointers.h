/* Addresses that a program may hand to the kernel by mistake or malice, and ways to ask whether the
 * kernel could read or write an address without risking a fault of our own. */
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "ktap.h"

#define PAGE 4096UL

static struct bad_pointer {
    const char *name;
    void *address;
} bad_pointers[] = {
    {"NULL", NULL},
    {"an unmapped page", NULL /* set by make_bad_pointers */},
    {"a PROT_NONE page", NULL /* the same */},
    {"the page above user space", (void *)0x00007ffffffff000},
    {"the first non-canonical address", (void *)0x0000800000000000},
    {"a high non-canonical address", (void *)0x8000000000000000},
    {"the kernel half's start", (void *)0xffff800000000000},
    {"the kernel image", (void *)0xffffffff80100000},
    {"the last page of all", (void *)-4096L},
    {"the last byte of all", (void *)-1L},
    {"a read-only page", NULL /* the same; keep this one last */},
};
enum { BAD_TO_WRITE = sizeof(bad_pointers) / sizeof(bad_pointers[0]), BAD = BAD_TO_WRITE - 1 };

static char *edge_page;

static inline char *map_anonymous(size_t size, int prot)
{
    return mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Writable pages that nothing else will ever lie next to: mmap picks no address down there. */
static inline char *map_alone(size_t pages)
{
    static char *next = (char *)0x200000000000;
    char *p = mmap(next, pages * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    next += 1L << 40;
    return p;
}

static inline void make_bad_pointers(void)
{
    edge_page = map_alone(1);
    bad_pointers[1].address = edge_page + 100 * PAGE;
    bad_pointers[2].address = map_anonymous(PAGE, PROT_NONE);
    bad_pointers[BAD].address = map_anonymous(PAGE, PROT_READ);
}

/* The last `bytes` bytes of a mapping that nothing follows. */
static inline void *edge(size_t bytes)
{
    return edge_page + PAGE - bytes;
}

static inline void note_bad(const char *name, long got)
{
    put("# ");
    put(name);
    put(": ");
    put_number(got);
    put_end_of_line();
}

/* One check: `call`, in which `bad` is in turn each address that the kernel cannot read (faults) or
 * write (faults_on_write), always gives -EFAULT. */
#define faults(call, sentence)          sweep_bad(call, BAD, sentence)
#define faults_on_write(call, sentence) sweep_bad(call, BAD_TO_WRITE, sentence)
#define sweep_bad(call, count, sentence)                                                           \
    do {                                                                                           \
        int wrong = 0;                                                                             \
        for (int i = 0; i < (count); i++) {                                                        \
            void *bad = bad_pointers[i].address;                                                   \
            long got = (call);                                                                     \
            if (got != -EFAULT && ++wrong)                                                         \
                note_bad(bad_pointers[i].name, got);                                               \
        }                                                                                          \
        ok(wrong == 0, sentence);                                                                  \
    } while (0)

/* One check: `call`, in which `fd` is in turn each number that is no open descriptor, is -EBADF. */
#define not_open(call, sentence)                                                                   \
    do {                                                                                           \
        static const int fds[] = {-1, -2, 999, 1 << 20, 0x7fffffff, (int)0x80000000};              \
        int wrong = 0;                                                                             \
        for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {                                \
            long fd = fds[i], got = (call);                                                        \
            if (got != -EBADF && ++wrong)                                                          \
                note_bad("descriptor", fd), note_bad("its result", got);                           \
        }                                                                                          \
        ok(wrong == 0, sentence);                                                                  \
    } while (0)

/* rt_sigprocmask reads its eight-byte mask first and only then looks at `how`: EINVAL says that the
 * bytes at p could be read. Changes nothing. */
static inline bool kernel_can_read(const void *p)
{
    return sys(rt_sigprocmask, 99, p, NULL, 8) == -EINVAL;
}

/* Overwrites the eight bytes at p (with this thread's signal mask) when it can. */
static inline bool kernel_can_write(void *p)
{
    return sys(rt_sigprocmask, 0, NULL, p, 8) == 0;
}
