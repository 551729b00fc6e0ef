// A program that splits its memory into ever more mappings: refused with ENOMEM at some number, or
// never; either way it can go on. Its argument is how many pages to split.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "ktap.h"

int main(int argc, char *argv[])
{
    const long pages = argc > 1 ? atol(argv[1]) : 12000;
    const size_t size = (size_t)pages * 4096;
    char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    long split = 0, got = 0;

    plan(4);
    ok(p != MAP_FAILED, "the pages can be reserved");
    for (; split < pages && got == 0; split += 2)
        got = sys(mprotect, p + split * 4096, 4096, PROT_READ);
    note("mappings made:", split);
    ok(got == 0 || got == -ENOMEM, "every mapping is granted, or one is refused with ENOMEM");
    is(sys(munmap, p, size), 0, "they can all be given back at once");
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED,
       "then there is room for another");
    return done();
}
