// As many mappings as there may be: each call that would make one more is ENOMEM and changes nothing,
// and all of them work again when some are gone. What a look-up costs among so many is noted. Its
// argument is how many are made for that.

#define _GNU_SOURCE
#include "attack.h"

#define MOST       65530 /* vm.max_map_count */
#define BESIDES    40    /* of them are a program's own, at most */
#define PAGES      (2L * MOST + 64)
#define RESERVED   (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define READ_WRITE (PROT_READ | PROT_WRITE)

static char *arena;
static long looked_at;

static char *page(long n)
{
    return arena + (size_t)n * PAGE;
}

static void take_arena(long prot)
{
    arena = (char *)sys(mmap, 0, PAGES * PAGE, prot, RESERVED, -1, 0);
}

static void leave_arena(void)
{
    sys(munmap, arena, PAGES * PAGE);
}

/* Each makes the n-th hole, stripe or island; each is one mapping more, or two. */
static long by_munmap(long n)
{
    return sys(munmap, page(2 * n + 1), PAGE);
}

static long by_mprotect(long n)
{
    return sys(mprotect, page(2 * n + 1), PAGE, PROT_READ);
}

static long by_mmap(long n)
{
    long got = sys(mmap, page(2 * n + 1), PAGE, READ_WRITE, RESERVED | MAP_FIXED, -1, 0);

    return got > 0 ? 0 : got;
}

static long by_mremap(long n)
{
    long got = sys(mremap, page(2 * n + 1), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                   arena - (2 * n + 2) * (long)PAGE);

    return got > 0 ? 0 : got;
}

/* How many times it can be done before it is ENOMEM; a negative errno if it ends otherwise. */
static long how_often(long (*make)(long))
{
    long got = 0, n = 0;

    while (n < PAGES / 2 && !(got = make(n)))
        n++;
    return got == -ENOMEM ? n : got ? got : -ENOTSUP;
}

static void fills_up(long (*make)(long), long areas_each, long prot, const char *sentence)
{
    long n;

    take_arena(prot);
    n = how_often(make);
    note("times:", n);
    ok(n <= MOST / areas_each && n >= (MOST - BESIDES) / areas_each - 1, sentence);
    if (make == by_mremap)
        sys(munmap, arena - PAGES * PAGE, PAGES * PAGE);
    leave_arena();
}

/* With no room for one more: what each call says, and then that it changed nothing. */
static void refuses(void)
{
    long brk = sys(brk, 0), last, split;

    take_arena(PROT_NONE);
    last = how_often(by_mprotect);
    while (sys(mmap, 0, PAGE, PROT_READ, RESERVED, -1, 0) > 0)
        ;                  /* the odd one may still be left */
    split = 2 * last + 10; /* in the middle of the rest */
    is(sys(mmap, 0, PAGE, PROT_READ | PROT_EXEC, RESERVED, -1, 0), -ENOMEM, "then mmap is ENOMEM");
    is(by_mmap(split / 2), -ENOMEM, "so is one in the midst of another");
    is(sys(munmap, page(split), PAGE), -ENOMEM, "so is munmap of what lies in the midst");
    is(sys(mprotect, page(split), PAGE, PROT_READ), -ENOMEM, "so is mprotect");
    is(sys(mremap, page(split), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena - 2 * PAGE),
       -ENOMEM, "so is mremap");
    is(sys(brk, brk + 64 * PAGE), brk, "and the heap does not come to be");
    ok(sys(mprotect, page(2 * last), (size_t)(PAGES - 2 * last) * PAGE, PROT_NONE) == 0 &&
           sys(madvise, page(split), PAGE, MADV_DONTNEED) == 0,
       "what was refused has changed nothing");
    is(sys(munmap, page(101), 2 * PAGE), 0, "a munmap that needs no other mapping works");
    is(sys(munmap, page(1000), 40 * PAGE), 0, "so does one of forty mappings");
    ok(sys(munmap, page(split), PAGE) == 0 && sys(mprotect, page(split + 4), PAGE, PROT_READ) == 0,
       "then munmap and mprotect work again");
    ok(by_mmap(split / 2) == 0 && sys(mmap, 0, PAGE, PROT_READ, RESERVED, -1, 0) > 0,
       "and mmap, anew and in the midst of another");
    ok(sys(mremap, page(split + 8), PAGE, PAGE, MREMAP_MAYMOVE) > 0, "and mremap");
    is(sys(brk, brk + 64 * PAGE), brk + 64 * (long)PAGE, "and brk");
    sys(brk, brk);
    leave_arena();
}

/* A first touch and a call's look, at the first mapping and at the last by turns: no hint helps. */
static void cost(long mappings)
{
    volatile char *first, *last;
    uint64_t before;
    const long step = 2, times = 8;

    take_arena(READ_WRITE);
    for (long n = 0; n < mappings; n++)
        sys(mprotect, page(16 + 2 * n * step + 1), PAGE, PROT_READ);
    first = page(0), last = page(PAGES - 16);
    first[15 * PAGE] = last[15 * PAGE] = 1; /* the page tables */
    before = ticks();
    for (long i = 0; i < times; i++)
        first[i * PAGE] = last[i * PAGE] = 1;
    note_ticks("faults", mappings, before);
    sys(madvise, first, 16 * PAGE, MADV_DONTNEED);
    sys(madvise, last, 16 * PAGE, MADV_DONTNEED);
    before = ticks();
    for (long i = 0; i < times; i++)
        sys(rt_sigprocmask, 0, NULL, i % 2 ? first + i * PAGE : last + i * PAGE, 8);
    note_ticks("calls", mappings, before);
    before = ticks();
    for (long i = 0; i < times; i++)
        sys(mprotect, i % 2 ? first + i * PAGE : last + i * PAGE, PAGE, PROT_READ);
    note_ticks("mprotects", mappings, before);
    before = ticks();
    for (long i = 0; i < times; i++)
        sys(mmap, 0, PAGE, PROT_READ, RESERVED, -1, 0);
    note_ticks("mmaps", mappings, before);
    leave_arena();
}

static void run(void)
{
    if (looked_at) {
        cost(10);
        cost(looked_at);
        ok(true, "it was counted");
        return;
    }
    fills_up(by_munmap, 1, PROT_NONE, "holes by munmap end with ENOMEM, when 65,530 are there");
    fills_up(by_mprotect, 2, PROT_NONE, "stripes by mprotect do so");
    fills_up(by_mmap, 2, PROT_NONE, "so do mappings in the midst of another");
    fills_up(by_mremap, 2, PROT_NONE, "so do pages that mremap moves out of the midst");
    refuses();
}

int main(int argc, char **argv)
{
    looked_at = argument(argc, argv, 1, 0);
    return by_each_door(looked_at ? 1 : 17, run);
}
