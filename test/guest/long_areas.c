// A load for irqsoff=on: an address space of many areas, which is forked, protected, discarded, moved,
// unmapped, given up by exec and by exit. The argument: how many.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ktap.h"

enum { PAGE = 4096, BOTH = PROT_READ | PROT_WRITE };

static size_t size;
static char *place, *program;

static char *map(size_t bytes)
{
    return mmap(NULL, bytes, BOTH, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long unmap_all(void)
{
    return sys(munmap, place, size);
}
static long protect_all(void)
{
    return sys(mprotect, place, size, PROT_READ); /* which makes one area of them */
}
static long discard_all(void)
{
    return sys(madvise, place, size, MADV_DONTNEED);
}
static long map_over_all(void)
{
    return sys(mmap, place, size, BOTH, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1) < 0;
}
static long map_beside_all(void)
{
    return map(PAGE) == MAP_FAILED;
}
static long move_one_onto_all(void)
{
    char *one = map(size);

    return sys(mremap, one, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place) != (long)place;
}
static long grow_one_beside_all(void)
{
    char *one = map(PAGE);

    return sys(mremap, one, PAGE, 64 * PAGE, MREMAP_MAYMOVE) < 0;
}
static long grow_the_heap(void)
{
    long now = sys(brk, 0);

    return sys(brk, now + PAGE) != now + PAGE;
}
static long exec_with_all(void)
{
    char *const argv[] = {program, "0", NULL};

    return sys(execve, program, argv, argv + 2);
}
static long exit_with_all(void)
{
    return 0;
}

static const struct {
    const char *what;
    long (*function)(void);
} ways[] = {
    {"unmapped", unmap_all},
    {"protected", protect_all},
    {"discarded", discard_all},
    {"mapped over", map_over_all},
    {"mapped beside", map_beside_all},
    {"moved onto", move_one_onto_all},
    {"grown beside", grow_one_beside_all},
    {"a heap grown beside", grow_the_heap},
    {"given up by exec", exec_with_all},
    {"given up by exit", exit_with_all},
};

int main(int argc, char *argv[])
{
    const long count = argc > 1 ? atol(argv[1]) : 65000, kinds = sizeof(ways) / sizeof(ways[0]);
    long error = 0;

    if (count == 0)
        return 0;
    program = argv[0];
    size = (size_t)count * PAGE;
    plan(1 + (int)kinds);
    place = map(size);
    for (long i = 1; i < count && !error; i += 2)
        error = sys(mprotect, place + i * PAGE, PAGE, PROT_READ);
    for (long i = 0; i < count && !error; i += 16)
        place[i * PAGE] = 1;
    is(error, 0, "the areas are there");
    for (long i = 0; i < kinds; i++) {
        int status = 1;
        long child = sys(fork);

        if (child == 0)
            sys(exit_group, ways[i].function() != 0);
        ok(sys(wait4, child, &status, 0, NULL) == child && status == 0, ways[i].what);
    }
    return done();
}
