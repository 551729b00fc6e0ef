// The clocks: they never go back, not even from one CPU to another, agree with each other, and a
// sleep is never shorter than asked.
// flags: -pthread

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

#include "cpu.h"
#include "ktap.h"

#define SECOND 1000000000L

static long now(clockid_t clock)
{
    struct timespec t;

    sys(clock_gettime, clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static struct timespec span(long nanoseconds)
{
    return (struct timespec){nanoseconds / SECOND, nanoseconds % SECOND};
}

static void test_never_back(clockid_t clock, const char *sentence)
{
    long before = now(clock), back = 0;

    for (int i = 0; i < 20000; i++) {
        long t = now(clock);

        back += t < before;
        before = t;
    }
    is(back, 0, sentence);
}

static void test_across_cpus(void)
{
    cpu_set_t all, one;
    long before = now(CLOCK_MONOTONIC), back = 0;

    sched_getaffinity(0, sizeof(all), &all);
    for (int round = 0; round < 50; round++)
        for (int cpu = 0; cpu < CPUS_MOST; cpu++)
            if (CPU_ISSET(cpu, &all)) {
                CPU_ZERO(&one);
                CPU_SET(cpu, &one);
                sched_setaffinity(0, sizeof(one), &one);
                back += now(CLOCK_MONOTONIC) < before;
                before = now(CLOCK_MONOTONIC);
            }
    sched_setaffinity(0, sizeof(all), &all);
    is(back, 0, "a thread that moves from CPU to CPU never sees the clock go back");
}

static atomic_long published, stop;

static void *publish(void *arg)
{
    while (!stop)
        published = now(CLOCK_MONOTONIC);
    return arg;
}

static void test_between_threads(void)
{
    pthread_t thread;
    long back = 0;

    pthread_create(&thread, NULL, publish, NULL);
    for (int i = 0; i < 20000; i++) {
        long theirs = published;

        back += now(CLOCK_MONOTONIC) < theirs;
    }
    stop = 1;
    pthread_join(thread, NULL);
    is(back, 0, "a time that another thread has read is never ahead of ours");
}

static void test_sleeps(void)
{
    static const long spans[] = {1, 1000, 1000000, 20000000};
    int too_short = 0, too_early = 0, refused = 0;

    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        struct timespec t = span(spans[i]), remaining = {7, 7};
        long start = now(CLOCK_MONOTONIC);

        refused += sys(nanosleep, &t, &remaining) != 0;
        too_short += now(CLOCK_MONOTONIC) - start < spans[i];
        refused += remaining.tv_sec != 7;
        start = now(CLOCK_MONOTONIC);
        refused += sys(clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL) != 0;
        too_short += now(CLOCK_MONOTONIC) - start < spans[i];
        start = now(CLOCK_REALTIME);
        t = span(start + spans[i]);
        refused += sys(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) != 0;
        too_early += now(CLOCK_REALTIME) < start + spans[i];
        start = now(CLOCK_MONOTONIC);
        t = span(start + spans[i]);
        refused += sys(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0;
        too_early += now(CLOCK_MONOTONIC) < start + spans[i];
    }
    is(refused, 0, "every sleep returns 0 and leaves what remains alone");
    is(too_short, 0, "no sleep is shorter than asked, from 1 ns to 20 ms");
    is(too_early, 0, "no sleep until a time ends before it");
}

static void test_agreement(void)
{
    struct timeval tv;
    struct timespec resolution;
    long before = now(CLOCK_REALTIME), between, after;

    sys(gettimeofday, &tv, NULL);
    after = now(CLOCK_REALTIME);
    between = tv.tv_sec * SECOND + tv.tv_usec * 1000;
    ok(between + 999 >= before && between <= after, "gettimeofday is CLOCK_REALTIME");
    ok(before > 1500000000L * SECOND, "the wall clock is past 2017");
    is(sys(clock_getres, CLOCK_MONOTONIC, &resolution), 0, "CLOCK_MONOTONIC has a resolution");
    ok(resolution.tv_sec == 0 && resolution.tv_nsec >= 1 && resolution.tv_nsec <= 10000000,
       "it is between 1 ns and 10 ms");
    is(sys(clock_getres, CLOCK_REALTIME, &resolution), 0, "CLOCK_REALTIME has a resolution");
    before = now(CLOCK_MONOTONIC) - now(CLOCK_REALTIME);
    sys(nanosleep, (&(struct timespec){0, 10000000}), NULL);
    after = now(CLOCK_MONOTONIC) - now(CLOCK_REALTIME);
    ok(after - before < SECOND && before - after < SECOND, "the two clocks run alike");
}

int main(void)
{
    plan(14);
    test_never_back(CLOCK_MONOTONIC, "CLOCK_MONOTONIC never goes back");
    test_never_back(CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW never goes back");
    test_never_back(CLOCK_BOOTTIME, "CLOCK_BOOTTIME never goes back");
    test_across_cpus();
    test_between_threads();
    test_sleeps();
    test_agreement();
    return done();
}
