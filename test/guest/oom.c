// A program that wants more memory than there is: it is refused with ENOMEM or killed, and the
// kernel carries on. On Linux a limit stands in for the end of memory.
// exits: 0
// dies: SIGKILL

#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "ktap.h"

enum { CHUNK = 4 << 20 };

int main(void)
{
    const struct rlimit limit = {256UL << 20, 256UL << 20};
    char *last = NULL, *p;
    long chunks = 0, got;

    plan(3);
    if (!on_sallyport())
        sys(prlimit64, 0, RLIMIT_AS, &limit, NULL);
    while ((got = sys(mmap, 0, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)) >
           0) {
        p = (char *)got;
        memset(p, 1, CHUNK);
        *(char **)p = last;
        last = p;
        chunks++;
    }
    note("MiB had:", chunks * (CHUNK >> 20));
    is(got, -ENOMEM, "too much memory is ENOMEM");
    for (; last; chunks--) {
        p = last;
        last = *(char **)p;
        munmap(p, CHUNK);
    }
    is(chunks, 0, "all that was had was kept");
    got = sys(mmap, 0, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    ok(got > 0, "memory given back can be had again");
    return done();
}
