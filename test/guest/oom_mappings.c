// A program that splits its memory into ever more mappings: refused with ENOMEM at some number, or
// never; either way it can go on.

#define _GNU_SOURCE
#include <sys/mman.h>

#include "ktap.h"

enum { PAGES = 100000 };

int main(void)
{
    char *p =
        mmap(NULL, PAGES * 4096UL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    long split = 0, got = 0;

    plan(4);
    ok(p != MAP_FAILED, "400 MB can be reserved");
    for (; split < PAGES && got == 0; split += 2)
        got = sys(mprotect, p + split * 4096, 4096, PROT_READ);
    note("mappings made:", split);
    ok(got == 0 || got == -ENOMEM, "100,000 mappings are granted, or one is refused with ENOMEM");
    is(sys(munmap, p, PAGES * 4096UL), 0, "they can all be given back at once");
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED,
       "then there is room for another");
    return done();
}
