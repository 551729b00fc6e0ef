// What nanosleep, clock_nanosleep, clock_gettime, clock_getres and gettimeofday answer to bad
// input.

#define _GNU_SOURCE
#include <limits.h>
#include <sys/time.h>
#include <time.h>

#include "pointers.h"

#define BAD_NANOSECONDS                                                                            \
    {                                                                                              \
        {0, 1000000000}, {0, -1}, {-1, 0}, {0, LONG_MAX},                                          \
        {                                                                                          \
            LONG_MIN, 0                                                                            \
        }                                                                                          \
    }

/* One check: `call`, in which `t` is in turn each time that is none, is -EINVAL. */
#define no_time(call, sentence)                                                                    \
    do {                                                                                           \
        static const struct timespec times[] = BAD_NANOSECONDS;                                    \
        int wrong = 0;                                                                             \
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {                            \
            const struct timespec *t = &times[i];                                                  \
            long got = (call);                                                                     \
            if (got != -EINVAL && ++wrong)                                                         \
                note_bad("the time that is wrong gives", got), note("it is number", (long)i);      \
        }                                                                                          \
        ok(wrong == 0, sentence);                                                                  \
    } while (0)

static void test_clocks(void)
{
    static const int clocks[] = {-1, 16, 100, INT_MAX, INT_MIN};
    struct timespec t;
    int wrong = 0;

    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
        wrong += sys(clock_gettime, clocks[i], &t) != -EINVAL;
    is(wrong, 0, "clock_gettime of no clock is EINVAL");
    for (size_t i = wrong = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
        wrong += sys(clock_getres, clocks[i], &t) != -EINVAL;
    is(wrong, 0, "clock_getres of no clock is EINVAL");
    for (size_t i = wrong = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
        wrong += sys(clock_nanosleep, clocks[i], 0, (&(struct timespec){0, 1}), NULL) != -EINVAL;
    is(wrong, 0, "clock_nanosleep by no clock is EINVAL");
    faults_on_write(sys(clock_gettime, CLOCK_MONOTONIC, bad), "clock_gettime is EFAULT");
    faults_on_write(sys(clock_getres, CLOCK_MONOTONIC, bad ? bad : (void *)1),
                    "clock_getres into a bad buffer is EFAULT");
    is(sys(clock_getres, CLOCK_MONOTONIC, NULL), 0, "clock_getres needs no buffer");
    is(sys(clock_gettime, CLOCK_REALTIME, edge(15)), -EFAULT,
       "clock_gettime over an edge is EFAULT");
}

static void test_gettimeofday(void)
{
    struct timeval tv;
    struct timezone zone = {77, 77};

    faults_on_write(sys(gettimeofday, bad ? bad : (void *)1, NULL),
                    "gettimeofday into a bad buffer is EFAULT");
    faults_on_write(sys(gettimeofday, NULL, bad ? bad : (void *)1),
                    "gettimeofday of the zone into a bad buffer is EFAULT");
    is(sys(gettimeofday, NULL, NULL), 0, "gettimeofday needs no buffer");
    is(sys(gettimeofday, &tv, &zone), 0, "gettimeofday gives time and zone");
    ok(zone.tz_minuteswest == 0 && zone.tz_dsttime == 0, "the zone is Greenwich");
    ok(tv.tv_usec >= 0 && tv.tv_usec < 1000000, "there are fewer than 10^6 microseconds");
}

static void test_sleeps(void)
{
    struct timespec zero = {0, 0}, past = {1, 0};

    faults(sys(nanosleep, bad, NULL), "nanosleep of a bad address is EFAULT");
    faults(sys(clock_nanosleep, CLOCK_MONOTONIC, 0, bad, NULL),
           "clock_nanosleep of a bad address is EFAULT");
    is(sys(nanosleep, edge(8), NULL), -EFAULT, "nanosleep of an address over an edge is EFAULT");
    no_time(sys(nanosleep, t, NULL), "nanosleep of no valid time is EINVAL");
    no_time(sys(clock_nanosleep, CLOCK_MONOTONIC, 0, t, NULL),
            "clock_nanosleep of no valid time is EINVAL");
    no_time(sys(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, t, NULL),
            "clock_nanosleep until no valid time is EINVAL");
    is(sys(nanosleep, &zero, NULL), 0, "nanosleep of no time returns");
    is(sys(nanosleep, &zero, -1L), 0, "what remains is not written when nothing does");
    is(sys(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL), 0,
       "clock_nanosleep until the past returns");
    is(sys(clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &zero, NULL), -EOPNOTSUPP,
       "clock_nanosleep by CLOCK_MONOTONIC_RAW is EOPNOTSUPP");
    is(sys(clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &zero, NULL), -EOPNOTSUPP,
       "clock_nanosleep by CLOCK_MONOTONIC_COARSE is EOPNOTSUPP");
}

int main(void)
{
    make_bad_pointers();
    plan(24);
    test_clocks();
    test_gettimeofday();
    test_sleeps();
    return done();
}
