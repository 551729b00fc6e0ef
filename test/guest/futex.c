// What futex does: who sleeps, who is woken, how many, who moves, and when time is up. A thread is
// known to sleep when a wake counts it; no check depends on how fast anything is.
// flags: -pthread

#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "ktap.h"

enum { WAIT = 128, WAKE, REQUEUE = 128 + 3, CMP_REQUEUE, WAIT_BITSET = 128 + 9, WAKE_BITSET };
enum { SHARED_WAIT = 0, SHARED_WAKE = 1, REALTIME = 256, ANY = -1, SLEEPERS = 6 };

static atomic_int here, there;
static pthread_t ids[SLEEPERS];
static long results[SLEEPERS];
static unsigned bits[SLEEPERS];

static void *sleep_here(void *arg)
{
    long me = (long)arg;

    results[me] = sys(futex, &here, WAIT_BITSET, 0, NULL, NULL, bits[me]);
    return NULL;
}

static void start(int count)
{
    for (long i = 0; i < count; i++) {
        results[i] = 1;
        pthread_create(&ids[i], NULL, sleep_here, (void *)i);
    }
}

/* How many of the first `count` threads, all joined now, came back with 0. */
static int join(int count)
{
    int woken = 0;

    for (int i = 0; i < count; i++) {
        pthread_join(ids[i], NULL);
        woken += results[i] == 0;
    }
    return woken;
}

/* Moves `count` sleepers from here to there, however long they take to fall asleep. */
static void gather(int count)
{
    for (long moved = 0; moved < count; sys(sched_yield)) {
        long got = sys(futex, &here, CMP_REQUEUE, 0, INT_MAX, &there, 0);

        moved += got > 0 ? got : 0;
    }
}

static void test_wake(void)
{
    long woken = 0;

    for (int i = 0; i < SLEEPERS; i++)
        bits[i] = (unsigned)ANY;
    start(1);
    while (sys(futex, &here, WAKE, INT_MAX) == 0)
        sys(sched_yield);
    is(join(1), 1, "a sleeper that is woken gets 0");
    is(sys(futex, &here, WAKE, INT_MAX), 0, "there is nobody left to wake");

    start(SLEEPERS);
    gather(SLEEPERS);
    is(sys(futex, &here, WAKE, INT_MAX), 0, "nobody is left where they were requeued from");
    is(sys(futex, &there, WAKE, 1), 1, "a wake of one wakes one");
    is(sys(futex, &there, WAKE, 2), 2, "a wake of two wakes two");
    is(sys(futex, &there, WAKE, INT_MAX), SLEEPERS - 3, "a wake of all wakes the rest");
    is(sys(futex, &there, WAKE, INT_MAX), 0, "then nobody is left");
    is(join(SLEEPERS), SLEEPERS, "all that were moved and woken get 0");

    start(SLEEPERS);
    while (woken < SLEEPERS) {
        woken += sys(futex, &here, WAKE, 1);
        sys(sched_yield);
    }
    is(join(SLEEPERS), woken, "each wake of one lets one go");
}

static void test_requeue(void)
{
    start(SLEEPERS);
    gather(SLEEPERS);
    is(sys(futex, &there, REQUEUE, 1, 2, &here), 3, "requeue counts the woken and the moved");
    is(sys(futex, &here, WAKE, INT_MAX), 2, "requeue moved as many as it was told");
    there = 5;
    is(sys(futex, &there, CMP_REQUEUE, 1, INT_MAX, &here, 4), -EAGAIN,
       "cmp_requeue looks at the value");
    is(sys(futex, &here, WAKE, INT_MAX), 0, "a refused cmp_requeue moves nobody");
    is(sys(futex, &there, CMP_REQUEUE, 0, 1, &here, 5), 1, "cmp_requeue moves one and wakes none");
    is(sys(futex, &here, WAKE, INT_MAX), 1, "the one that moved is there");
    is(sys(futex, &there, CMP_REQUEUE, INT_MAX, 0, &here, 5), 2, "cmp_requeue wakes the rest");
    there = 0;
    is(join(SLEEPERS), SLEEPERS, "all of them get 0");
}

static void test_bitset(void)
{
    for (int i = 0; i < SLEEPERS; i++)
        bits[i] = 1U << (i % 3);
    start(SLEEPERS);
    gather(SLEEPERS);
    is(sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, 8), 0, "a bit nobody has wakes nobody");
    is(sys(futex, &there, WAKE_BITSET, 1, NULL, NULL, 2), 1, "of two with a bit, one is woken");
    is(sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, 2), 1, "then the other");
    is(sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, 2), 0, "then none has that bit");
    is(sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, 1 | 2), 2, "two bits select either");
    is(sys(futex, &there, WAKE, INT_MAX), 2, "a plain wake asks for no bit");
    is(join(SLEEPERS), SLEEPERS, "all of them get 0, each once");
}

static long nanoseconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static struct timespec at(long when)
{
    return (struct timespec){when / 1000000000L, when % 1000000000L};
}

static void test_timeouts(void)
{
    const long delay = 10000000;
    long start_time = nanoseconds(CLOCK_MONOTONIC), wall = nanoseconds(CLOCK_REALTIME);
    struct timespec wait = at(delay);

    is(sys(futex, &here, WAIT, 0, &wait), -ETIMEDOUT, "a wait for 10 ms times out");
    ok(nanoseconds(CLOCK_MONOTONIC) - start_time >= delay, "and not before 10 ms are over");
    start_time = nanoseconds(CLOCK_MONOTONIC);
    wait = at(start_time + delay);
    is(sys(futex, &here, WAIT_BITSET, 0, &wait, NULL, ANY), -ETIMEDOUT,
       "a wait until a monotonic time times out");
    ok(nanoseconds(CLOCK_MONOTONIC) >= start_time + delay, "and not before that time");
    wall = nanoseconds(CLOCK_REALTIME);
    wait = at(wall + delay);
    is(sys(futex, &here, WAIT_BITSET | REALTIME, 0, &wait, NULL, ANY), -ETIMEDOUT,
       "a wait until a wall-clock time times out");
    ok(nanoseconds(CLOCK_REALTIME) >= wall + delay, "and not before that wall-clock time");
    is(sys(futex, &here, WAKE, INT_MAX), 0, "who timed out is not in the queue any more");
    wait = at(0);
    is(sys(futex, &here, WAIT, 0, &wait), -ETIMEDOUT, "a wait of no time times out at once");
}

static void *shared_sleep(void *arg)
{
    struct timespec hour = {3600, 0};

    results[0] = sys(futex, arg, SHARED_WAIT, 0, &hour);
    return NULL;
}

int main(void)
{
    plan(33);
    test_wake();
    test_requeue();
    test_bitset();
    test_timeouts();
    pthread_create(&ids[0], NULL, shared_sleep, &here);
    while (sys(futex, &here, SHARED_WAKE, 1) == 0)
        sys(sched_yield);
    is(join(1), 1, "a wait with an hour to go is woken at once; so is a shared one");
    return done();
}
