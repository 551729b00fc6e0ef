// A load for irqsoff=on: a process with much memory, which forks, and whose copies write to it, protect,
// move, discard and unmap it, exec and end. The argument: how many MiB.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ktap.h"

enum { PAGE = 4096, BOTH = PROT_READ | PROT_WRITE };

static size_t size;
static char *place, *program;

static long write_all(void)
{
    for (size_t at = 0; at < size / 8; at += PAGE)
        place[at] = 2;
    return 0;
}
static long protect_all(void)
{
    return sys(mprotect, place, size, PROT_READ) || sys(mprotect, place, size, BOTH);
}
static long move_all(void)
{
    return sys(mremap, place, size, 2 * size, MREMAP_MAYMOVE) < 0;
}
static long discard_all(void)
{
    return sys(madvise, place, size, MADV_DONTNEED);
}
static long unmap_all(void)
{
    return sys(munmap, place, size);
}
static long shrink_all(void)
{
    return sys(mremap, place, size, PAGE, 0) < 0;
}
static long map_over_all(void)
{
    return sys(mmap, place, size, BOTH, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1) < 0;
}
static long exec_with_all(void)
{
    char *const argv[] = {program, "0", NULL};

    return sys(execve, program, argv, argv + 2);
}
/* The other's copy is gone by then: the heap is its own. */
static long grow_and_shrink_the_heap(void)
{
    char *heap = (char *)sys(brk, 0);

    if (sys(brk, heap + size / 8) != (long)(heap + size / 8))
        return 1;
    for (size_t at = 0; at < size / 8; at += PAGE)
        heap[at] = 1;
    return sys(brk, heap) != (long)heap;
}

static const struct {
    const char *what;
    long (*function)(void);
} ways[] = {
    {"an eighth of it is written to", write_all},
    {"it is protected", protect_all},
    {"it is moved", move_all},
    {"it is discarded", discard_all},
    {"it is unmapped", unmap_all},
    {"it is shrunk", shrink_all},
    {"it is mapped over", map_over_all},
    {"it is given up by exec", exec_with_all},
    {"a heap grows and shrinks beside it", grow_and_shrink_the_heap},
};

int main(int argc, char *argv[])
{
    const long mebibytes = argc > 1 ? atol(argv[1]) : 256, kinds = sizeof(ways) / sizeof(ways[0]);

    if (mebibytes == 0)
        return 0;
    program = argv[0];
    size = (size_t)mebibytes << 20;
    plan(1 + (int)kinds);
    place = mmap(NULL, size, BOTH, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; at < size && place != MAP_FAILED; at += PAGE)
        place[at] = 1;
    ok(place != MAP_FAILED, "the memory is there");
    for (long i = 0; i < kinds; i++) {
        int status = 1;
        long child = sys(fork);

        if (child == 0)
            sys(exit_group, ways[i].function() != 0);
        ok(sys(wait4, child, &status, 0, NULL) == child && status == 0, ways[i].what);
    }
    return done(); /* and ends with all of it, its own at last */
}
