// Memory that was touched once in every 2 MiB and given back, so that nothing is left of it but page
// tables: what the calls on such a range do with them, and what they cost a table. A second thread
// wants the same address space all the time. Its argument is how many tables; a second one, that there
// is no such thread: then the calls alone are counted.
// flags: -pthread

#define _GNU_SOURCE
#include <pthread.h>

#include "attack.h"

#define TABLE (2UL << 20) /* bytes that a page table maps */
#define STEP  64          /* tables that are touched before their pages are given back */

static long tables;
static bool alone;
static char *probe;
static volatile bool over;
static volatile long others_turns;

static void *use_the_same_space(void *unused)
{
    while (!over) {
        *probe = 1;
        sys(madvise, probe, PAGE, MADV_DONTNEED);
        others_turns++;
    }
    return unused;
}

/* The other thread makes more turns than that. */
static bool goes_beyond(long turns)
{
    for (int i = 0; i < TURNS && others_turns <= turns; i++)
        nap();
    return others_turns > turns;
}

static void fill(char *p)
{
    for (long first = 0; first < tables; first += STEP) {
        long after = first + STEP < tables ? first + STEP : tables;

        for (long i = first; i < after; i++)
            p[(size_t)i * TABLE] = 1;
        sys(madvise, p + (size_t)first * TABLE, (size_t)(after - first) * TABLE, MADV_DONTNEED);
    }
}

static bool is_zero(const char *p)
{
    return p[0] == 0 && p[(size_t)(tables / 2) * TABLE] == 0 && p[(size_t)tables * TABLE - 1] == 0;
}

static long child_that_finds_zeroes(const char *p)
{
    long pid = sys(fork);

    if (pid == 0)
        sys(exit_group, is_zero(p) ? 42 : 1);
    return pid;
}

#define COUNTED(what, call)                                                                        \
    ({                                                                                             \
        uint64_t before = ticks();                                                                 \
        long got = (call);                                                                         \
        note_ticks(what, tables, before);                                                          \
        got;                                                                                       \
    })

static void run(void)
{
    const size_t size = (size_t)tables * TABLE;
    const long flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *p = (char *)sys(mmap, 0, size, PROT_READ | PROT_WRITE, flags, -1), *moved;
    pthread_t other;
    long child;

    probe = (char *)sys(mmap, 0, PAGE, PROT_READ | PROT_WRITE, flags, -1);
    if (!ok((long)p > 0 && (long)probe > 0, "so much can be mapped"))
        return;
    fill(p);
    over = alone, others_turns = 0;
    pthread_create(&other, NULL, use_the_same_space, NULL);
    while (!others_turns && !alone)
        nap();
    is(COUNTED("madvise", sys(madvise, p, size, MADV_DONTNEED)), 0, "it can be given back again");
    ok(is_zero(p), "then it reads as zeroes");
    fill(p);
    is(COUNTED("mprotect", sys(mprotect, p, size, PROT_READ)), 0, "it can be protected");
    is(sys(mprotect, p, size, PROT_READ | PROT_WRITE), 0, "and opened again");
    fill(p);
    child = COUNTED("fork", child_that_finds_zeroes(p));
    is(ends(child), 42 << 8, "a child gets it, and ends");
    fill(p);
    moved = (char *)COUNTED(
        "mremap", sys(mremap, p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, p - size - TABLE));
    ok(moved == p - size - TABLE && is_zero(moved), "it can be moved elsewhere");
    fill(moved);
    is(COUNTED("munmap", sys(munmap, moved, size)), 0, "it can be unmapped");
    child = others_turns;
    ok(alone || goes_beyond(child), "the other thread goes on");
    over = true;
    pthread_join(other, NULL);
    sys(munmap, probe, PAGE);
}

int main(int argc, char **argv)
{
    tables = argument(argc, argv, 1, 500);
    alone = argc > 2;
    return by_each_door(9, run);
}
