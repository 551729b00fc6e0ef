// Many threads at one futex, at one deadline, on one CPU: more than a call or an interrupt may serve at
// once. What comes out is exact all the same, and a process can be killed in the middle of it.
// flags: -pthread

#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "ktap.h"

enum { REQUEUE = 128 + 3, CMP_REQUEUE, WAIT_BITSET = 128 + 9, WAKE_BITSET };
enum { ANY = -1, CROWD = 500, KILLED = 4 };

static atomic_int here, there, out;
static pthread_t ids[CROWD];
static long results[CROWD];
static int order[CROWD]; // who came out when
static unsigned bits[CROWD];

static void *sleep_here(void *arg)
{
    long me = (long)arg;

    results[me] = sys(futex, &here, WAIT_BITSET, 0, NULL, NULL, bits[me]);
    order[me] = atomic_fetch_add(&out, 1);
    return NULL;
}

static void start(int count, void *(*run)(void *))
{
    pthread_attr_t small;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    out = 0;
    for (long i = 0; i < count; i++) {
        results[i] = 1;
        if (pthread_create(&ids[i], &small, run, (void *)i)) {
            note("threads made:", i);
            _exit(1);
        }
    }
}

/* How many of them, all joined now, came back with 0. */
static int join(int count)
{
    int good = 0;

    for (int i = 0; i < count; i++) {
        pthread_join(ids[i], NULL);
        good += results[i] == 0;
    }
    return good;
}

/* Moves `count` sleepers from here to there, however long they take to fall asleep. */
static void gather(int count)
{
    for (long moved = 0; moved < count; sys(sched_yield)) {
        long got = sys(futex, &here, CMP_REQUEUE, 0, INT_MAX, &there, 0);

        moved += got > 0 ? got : 0;
    }
}

static void test_counts(void)
{
    for (int i = 0; i < CROWD; i++)
        bits[i] = 1U << (i % 5 == 0);
    start(CROWD, sleep_here);
    gather(CROWD);
    is(sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, 4), 0, "a bit nobody has wakes nobody");
    is(sys(futex, &there, WAKE_BITSET, 70, NULL, NULL, 2), 70, "70 of 100 with a bit are woken");
    is(sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, 2), 30, "then the other 30");
    is(sys(futex, &there, REQUEUE, 80, 130, &here), 210, "a requeue wakes 80 and moves 130");
    is(sys(futex, &there, CMP_REQUEUE, 5, INT_MAX, &here, 1), -EAGAIN, "its value is compared");
    is(sys(futex, &there, CMP_REQUEUE, 0, INT_MAX, &here, 0), 190, "another moves all the rest");
    is(sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, ANY), 0, "nobody is left there");
    is(sys(futex, &here, WAKE_BITSET, INT_MAX, NULL, NULL, ANY), 320, "and all who moved are here");
    is(join(CROWD), CROWD, "all of them get 0, each once");
}

static void test_order(void)
{
    enum { FEW = 150 };
    int wrong = 0;

    for (int i = 0; i < FEW; i++)
        bits[i] = (unsigned)ANY;
    for (long i = 0; i < FEW; i++) {
        results[i] = 1;
        pthread_create(&ids[i], NULL, sleep_here, (void *)i);
        gather(1);
    }
    out = 0;
    sys(futex, &there, REQUEUE, 0, INT_MAX, &here);
    for (int i = 0; i < FEW; i++) {
        sys(futex, &here, WAKE_BITSET, 1, NULL, NULL, ANY);
        while (out == i)
            sys(sched_yield);
    }
    join(FEW);
    for (int i = 0; i < FEW; i++)
        wrong += order[i] != i;
    is(wrong, 0, "they are woken in the order in which they came, though moved twice");
}

static struct timespec instant;

static long nanoseconds(struct timespec t)
{
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *sleep_until_then(void *arg)
{
    struct timespec now;

    results[(long)arg] = sys(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &instant, NULL);
    sys(clock_gettime, CLOCK_MONOTONIC, &now);
    if (nanoseconds(now) < nanoseconds(instant))
        results[(long)arg] = 2;
    return NULL;
}

static void test_one_instant(void)
{
    clock_gettime(CLOCK_MONOTONIC, &instant);
    instant.tv_sec += 1;
    start(CROWD, sleep_until_then);
    is(join(CROWD), CROWD, "all who sleep until one instant wake, and not before it");
}

static int last_cpu;

static void *take_turns(void *arg)
{
    results[(long)arg] = 0;
    for (int turn = 0; turn < 20; turn++) {
        sys(sched_yield);
        results[(long)arg] += sched_getcpu() != last_cpu;
    }
    return NULL;
}

static void test_one_cpu(void)
{
    cpu_set_t all, one;

    sched_getaffinity(0, sizeof(all), &all);
    for (int cpu = 0; cpu < CPUS_MOST; cpu++)
        if (CPU_ISSET(cpu, &all))
            last_cpu = cpu;
    CPU_ZERO(&one);
    CPU_SET(last_cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
    start(CROWD, take_turns);
    sched_setaffinity(0, sizeof(all), &all);
    is(join(CROWD), CROWD, "all who may run on one CPU have their turns there, and nowhere else");
}

static void *send_to_and_fro(void *arg)
{
    for (;;) {
        sys(futex, &here, REQUEUE, 0, INT_MAX, &there);
        sys(futex, &there, WAKE_BITSET, INT_MAX, NULL, NULL, 4);
        sys(futex, &there, REQUEUE, 0, INT_MAX, &here);
    }
    return arg;
}

static void test_killed(void)
{
    int killed = 0;

    for (int i = 0; i < CROWD; i++)
        bits[i] = 1;
    for (int i = 0; i < KILLED; i++) {
        int status = 0, pid = fork();

        if (pid == 0) {
            pthread_t other;

            start(CROWD, sleep_here);
            pthread_create(&other, NULL, send_to_and_fro, NULL);
            send_to_and_fro(NULL);
        }
        nanosleep(&(struct timespec){0, 100000000L * (i + 1)}, NULL);
        sys(kill, pid, SIGKILL);
        sys(wait4, pid, &status, 0, NULL);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    is(killed, KILLED, "a process is killed while its threads are woken and moved");
}

int main(void)
{
    plan(13);
    test_counts();
    test_order();
    test_one_instant();
    test_one_cpu();
    test_killed();
    return done();
}
