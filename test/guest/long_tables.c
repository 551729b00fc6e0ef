// A load for irqsoff=on: an address space of many page tables, with a page in each and without, which is
// forked, protected, moved, discarded, unmapped and given up. The argument: how many.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ktap.h"

enum { SPAN = 2 << 20, BOTH = PROT_READ | PROT_WRITE }; /* what a page table maps */

static size_t size;
static char *place;

static void fill(void)
{
    for (size_t at = 0; at < size; at += SPAN)
        place[at] = 1;
}

int main(int argc, char *argv[])
{
    int status = 1;

    size = (argc > 1 ? (size_t)atol(argv[1]) : 100000) * SPAN;
    plan(8);
    place = mmap(NULL, size, BOTH, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!ok(place != MAP_FAILED, "a place for the page tables is there"))
        return 1;
    fill();
    long child = sys(fork);
    if (child == 0)
        sys(exit_group, 0);
    ok(sys(wait4, child, &status, 0, NULL) == child && status == 0, "a copy comes and goes");
    is(sys(mprotect, place, size, PROT_READ), 0, "all are protected");
    is(sys(mprotect, place, size, BOTH), 0, "and writable again");
    long to = sys(mremap, place, size, 2 * size, MREMAP_MAYMOVE);
    if (ok(to > 0, "all are moved"))
        place = (char *)to;
    is(sys(madvise, place, size, MADV_DONTNEED), 0, "all are discarded");
    is(sys(madvise, place, size, MADV_DONTNEED), 0, "and once more, now that they are empty");
    is(sys(munmap, place, size), 0, "all are unmapped");
    place += size; /* what remains of it, for the process's end */
    fill();
    return done();
}
