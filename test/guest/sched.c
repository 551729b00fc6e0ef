// Which CPU a thread runs on, and that every runnable thread gets its turn.
// flags: -pthread

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "ktap.h"

enum { MAX_CPUS = 1024, SPINNERS = 5, PATIENCE_S = 60 };

typedef struct {
    unsigned long bits[MAX_CPUS / 64];
} cpu_mask;

static int cpus[MAX_CPUS], cpu_count;

static cpu_mask only(int cpu)
{
    cpu_mask mask = {{0}};

    mask.bits[cpu / 64] |= 1UL << (cpu % 64);
    return mask;
}

static long set_affinity(long tid, cpu_mask mask)
{
    return sys(sched_setaffinity, tid, sizeof(mask), &mask);
}

static cpu_mask affinity(long tid)
{
    cpu_mask mask = {{0}};

    sys(sched_getaffinity, tid, sizeof(mask), &mask);
    return mask;
}

static bool same(cpu_mask a, cpu_mask b)
{
    for (int i = 0; i < MAX_CPUS / 64; i++)
        if (a.bits[i] != b.bits[i])
            return false;
    return true;
}

static int current_cpu(void)
{
    unsigned cpu = MAX_CPUS;

    sys(getcpu, &cpu, NULL, NULL);
    return (int)cpu;
}

static void test_affinity(cpu_mask all)
{
    int wrong_mask = 0, wrong_cpu = 0, left = 0;
    cpu_mask beyond = only(cpus[0]);

    for (int i = 0; i < cpu_count; i++) {
        set_affinity(0, only(cpus[i]));
        wrong_mask += !same(affinity(0), only(cpus[i]));
        wrong_cpu += current_cpu() != cpus[i];
        for (int turn = 0; turn < 100; turn++) {
            sys(sched_yield);
            left += current_cpu() != cpus[i];
        }
    }
    is(wrong_mask, 0, "the affinity read is the affinity set, CPU by CPU");
    is(wrong_cpu, 0, "when sched_setaffinity returns, the thread is where it must be");
    is(left, 0, "a yielding thread never leaves its only CPU");
    beyond.bits[MAX_CPUS / 64 - 1] |= 1UL << 63;
    is(set_affinity(0, beyond), 0, "CPUs that are not there are ignored beside one that is");
    ok(same(affinity(0), only(cpus[0])), "and are not in the mask read back");
    set_affinity(0, all);
    ok(same(affinity(0), all), "all CPUs can be had back");
    set_affinity(sys(gettid), only(cpus[0]));
    ok(same(affinity(0), only(cpus[0])), "a thread's own id means itself, as 0 does");
    set_affinity(0, all);
}

static atomic_long other_tid, ask, answer, stop;

/* Tells the CPU it runs on for each question, and never waits in the kernel. */
static void *answer_questions(void *arg)
{
    other_tid = sys(gettid);
    for (long last = 0; !stop;)
        if (ask != last) {
            answer = current_cpu();
            last++;
            ask = -last;
            while (ask == -last && !stop)
                ;
        }
    return arg;
}

static void test_another_thread(cpu_mask all)
{
    pthread_t thread;
    int wrong = 0, inherited;

    set_affinity(0, only(cpus[cpu_count - 1]));
    pthread_create(&thread, NULL, answer_questions, NULL);
    set_affinity(0, all);
    while (!other_tid)
        sys(sched_yield);
    inherited = same(affinity(other_tid), only(cpus[cpu_count - 1]));
    ok(inherited, "a new thread inherits its creator's affinity");
    for (long i = 0; i < 4L * cpu_count; i++) {
        int cpu = cpus[i % cpu_count];

        set_affinity(other_tid, only(cpu));
        ask = i + 1;
        while (ask > 0)
            sys(sched_yield);
        wrong += answer != cpu;
    }
    is(wrong, 0, "another running thread is moved before sched_setaffinity returns");
    ok(same(affinity(0), all), "moving another thread leaves our own affinity");
    stop = 1;
    pthread_join(thread, NULL); /* which may return a moment before its id is free */
    for (long tries = 0; tries < 1000000 && set_affinity(other_tid, all) == 0; tries++)
        sys(sched_yield);
    is(set_affinity(other_tid, all), -ESRCH, "a thread that has ended has no affinity");
}

static atomic_long turns[SPINNERS + MAX_CPUS];

static void *spin(void *arg)
{
    while (!stop)
        turns[(long)arg]++;
    return NULL;
}

/* True when each of `count` spinning threads has moved on from where it was, three times. */
static bool all_move(int count)
{
    static long before[SPINNERS + MAX_CPUS];
    struct timespec start, now, short_time = {0, 1000000};

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < count; i++)
            before[i] = turns[i];
        for (int i = 0; i < count; i++)
            while (turns[i] == before[i]) {
                sys(nanosleep, &short_time, NULL);
                clock_gettime(CLOCK_MONOTONIC, &now);
                if (now.tv_sec - start.tv_sec > PATIENCE_S)
                    return false;
            }
    }
    return true;
}

static void test_preemption(cpu_mask all)
{
    static pthread_t threads[SPINNERS + MAX_CPUS];
    int count = SPINNERS;

    stop = 0;
    set_affinity(0, only(cpus[cpu_count - 1]));
    for (long i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, spin, (void *)i);
    ok(all_move(count), "five threads that never yield share one CPU, and a sleeper wakes there");
    stop = 1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);

    stop = 0;
    set_affinity(0, all);
    count = cpu_count + 3;
    for (long i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, spin, (void *)i);
    ok(all_move(count), "three threads more than CPUs all go forward");
    stop = 1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    cpu_mask all = affinity(0);

    for (int i = 0; i < MAX_CPUS; i++)
        if (all.bits[i / 64] >> (i % 64) & 1)
            cpus[cpu_count++] = i;
    plan(13);
    note("CPUs:", cpu_count);
    test_affinity(all);
    test_another_thread(all);
    test_preemption(all);
    return done();
}
