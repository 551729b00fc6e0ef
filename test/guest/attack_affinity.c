// A thread's set of CPUs is always one that somebody asked for, never half of one and half of another,
// whoever sets it: itself, others, or clone, which copies it. Its argument is how often.
// flags: -pthread

#define _GNU_SOURCE
#include <pthread.h>

#include "attack.h"

enum { SETS = 2, WORDS = 16 };

static uint64_t sets[SETS][WORDS]; /* the first CPU alone, the last CPU alone */
static long rounds, bytes;
static volatile long tid, its_calls, others_calls, torn;
static volatile bool over;

static bool is_a_set(const uint64_t *mask)
{
    return memcmp(mask, sets[0], (size_t)bytes) == 0 || memcmp(mask, sets[1], (size_t)bytes) == 0;
}

static void look(long whose)
{
    uint64_t mask[WORDS] = {0};

    if (sys(sched_getaffinity, whose, sizeof(mask), mask) == bytes && !is_a_set(mask))
        torn++;
}

static void find_sets(void)
{
    uint64_t all[WORDS] = {0};
    int last = 0;

    bytes = sys(sched_getaffinity, 0, sizeof(all), all);
    memset(sets, 0, sizeof(sets));
    for (int cpu = 0; cpu < (int)bytes * 8; cpu++)
        if (all[cpu / 64] >> cpu % 64 & 1)
            last = cpu;
    sets[0][0] = 1;
    sets[1][last / 64] = 1UL << last % 64;
}

static void *sets_its_own(void *unused)
{
    sys(sched_setaffinity, 0, bytes, sets[0]);
    tid = sys(gettid);
    while (!over) {
        sys(sched_setaffinity, 0, bytes, sets[its_calls % SETS]);
        its_calls++;
    }
    return unused;
}

static void *sets_the_others(void *unused)
{
    while (!over) {
        sys(sched_setaffinity, tid, bytes, sets[others_calls % SETS]);
        others_calls++;
    }
    return unused;
}

static void *looks_and_ends(void *unused)
{
    look(0);
    return unused;
}

/* Its children inherit what another thread changes at this moment. */
static void *makes_threads(void *unused)
{
    sys(sched_setaffinity, 0, bytes, sets[0]);
    tid = sys(gettid);
    while (its_calls < rounds / 10 || (!others_calls && its_calls < TURNS)) {
        pthread_t child;

        if (pthread_create(&child, NULL, looks_and_ends, NULL) == 0)
            pthread_join(child, NULL);
        its_calls++;
    }
    over = true;
    return unused;
}

/* Another thread sets it, and this one too; meanwhile it is looked at. True: all three came through. */
static bool race(void *(*whose)(void *))
{
    pthread_t itself, other;
    const uint64_t *set;

    over = false, tid = its_calls = others_calls = torn = 0;
    pthread_create(&itself, NULL, whose, NULL);
    while (!tid)
        nap();
    pthread_create(&other, NULL, sets_the_others, NULL);
    for (long i = 0; !over && i < rounds + TURNS; i++) {
        if (whose != makes_threads && i >= rounds && its_calls && others_calls)
            break;
        if (i >= rounds) /* on one CPU the others have not run yet */
            sys(sched_yield);
        set = sets[i / 3 % SETS];
        if (i % 3 == 0)
            sys(sched_setaffinity, tid, bytes, set);
        look(tid);
    }
    over = true;
    pthread_join(itself, NULL);
    pthread_join(other, NULL);
    return its_calls > 0 && others_calls > 0;
}

static void run(void)
{
    find_sets();
    ok(race(sets_its_own), "a thread runs on while three set where it may run");
    is(torn, 0, "where it may run is always what one of them said");
    ok(race(makes_threads), "a thread that makes others goes on while others move it");
    is(torn, 0, "each child may run where somebody said");
}

int main(int argc, char **argv)
{
    rounds = argument(argc, argv, 1, 300);
    return by_each_door(4, run);
}
