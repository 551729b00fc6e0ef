// stress: threads on all CPUs go through both doors at random and check everything that comes back.
// Here: the command line, the threads, the watchdog and what is printed. What is asked of the
// kernel is in stress_calls.c and stress_shared.c.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "stats.h"
#include "stress.h"

#define MAX_THREADS    1024
#define MAX_SECONDS    86400
#define ERRORS_PRINTED 20
#define STUCK_AFTER    20 // seconds without a call

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif

struct stress stress;

// ---- errors

static void describe(char *text, size_t size, uint64_t value)
{
    if ((int64_t)value > -1000000 && (int64_t)value < 1000000)
        snprintf(text, size, "%lld", (long long)value);
    else
        snprintf(text, size, "0x%llx", (unsigned long long)value);
}

void worker_error(struct worker *w, const struct wrong *wrong)
{
    if (atomic_fetch_add(&stress.errors, 1) >= ERRORS_PRINTED)
        return;
    char expected[24], got[24];
    describe(expected, sizeof(expected), wrong->expected);
    describe(got, sizeof(got), wrong->got);
    printf("error: thread %d on CPU %d, after %s by %s: %s: expected %s, got %s\n", w->index,
           sched_getcpu(), w->doing, door_names[w->door], wrong->what, expected, got);
}

void worker_expect(struct worker *w, const char *what, int64_t expected, int64_t got)
{
    if (expected != got)
        worker_error(w, &(struct wrong){what, (uint64_t)expected, (uint64_t)got});
}

// ---- workers

static void *work(void *argument)
{
    struct worker *w = argument;
    w->tid = gettid();
    w->allowed = stress.cpus;
    for (int i = 0; i < FP_IMAGES; i++)
        fp_randomise(&stress.fp, w->fp[i], &w->random);
    worker_expect(w, "result", 0, CALL(w, arch_prctl, ARCH_SET_GS, 0));
    if (w->change_page_tables)
        shared_mapper(w);
    else
        while (!atomic_load_explicit(&stress.stop, memory_order_relaxed)) {
            calls_round(w);
            shared_round(w);
        }
    atomic_store(&w->done, true);
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t calls_of(const struct worker *workers)
{
    uint64_t calls = 0;
    for (int i = 0; i <= stress.threads; i++)
        calls += atomic_load_explicit(&workers[i].calls, memory_order_relaxed);
    return calls;
}

static int print_last_line(const struct worker *workers)
{
    char calls[STATS_DIGITS], errors[STATS_DIGITS];
    uint64_t wrong = atomic_load(&stress.errors);
    printf("%s calls, %s error%s\n", stats_thousands(calls_of(workers), calls),
           stats_thousands(wrong, errors), wrong == 1 ? "" : "s");
    return wrong ? 1 : 0;
}

// Called at most once a second or so. Does not return if somebody has made no call for too long. Counted is
// a second from one look to the next at most: a host may stop the whole machine for any time.
static void watch(struct worker *workers, uint64_t *seen, double *silent)
{
    static double last;
    double passed = now() - last;
    bool stuck = false;
    last += passed;
    if (passed > 1)
        passed = 1;
    for (int i = 0; i <= stress.threads; i++) {
        struct worker *w = &workers[i];
        uint64_t calls = atomic_load_explicit(&w->calls, memory_order_relaxed);
        silent[i] += passed;
        if (calls != seen[i] || atomic_load(&w->done)) {
            seen[i] = calls;
            silent[i] = 0;
        } else if (silent[i] > STUCK_AFTER) {
            stuck = true;
            if (atomic_fetch_add(&stress.errors, 1) < ERRORS_PRINTED)
                printf("error: thread %d (tid %d) has made no call for %d s; its last: %s by %s\n",
                       i, w->tid, STUCK_AFTER, w->doing ? w->doing : "none", door_names[w->door]);
        }
    }
    if (stuck) {
        int status = print_last_line(workers);
        fflush(stdout);
        _exit(status); // joining is what can no longer be done
    }
}

static void wait_for_all(struct worker *workers, int first, int last, uint64_t *seen,
                         double *silent)
{
    for (int i = first; i <= last; i++)
        while (!atomic_load(&workers[i].done)) {
            nanosleep(&(struct timespec){0, 5000000}, NULL);
            watch(workers, seen, silent);
        }
}

static int run(struct worker *workers, unsigned seconds)
{
    static pthread_t threads[MAX_THREADS + 1];
    static uint64_t seen[MAX_THREADS + 1];
    static double silent[MAX_THREADS + 1];
    double start = now();
    for (int i = 0; i <= stress.threads; i++) {
        int error = pthread_create(&threads[i], NULL, work, &workers[i]);
        if (error) {
            fprintf(stderr, "stress: thread %d cannot be created: %s\n", i, strerror(error));
            return 1;
        }
    }

    unsigned width = (unsigned)snprintf(NULL, 0, "%u", seconds);
    for (unsigned second = 1; second <= seconds; second++) {
        double left;
        while ((left = start + second - now()) > 0)
            nanosleep(&(struct timespec){(time_t)left, (long)((left - (time_t)left) * 1e9)}, NULL);
        printf("stress: %*u/%u s   %.1f M calls\n", (int)width, second, seconds,
               (double)calls_of(workers) / 1e6);
        watch(workers, seen, silent);
    }

    // The mapper first: it needs the workers to look. Then nobody may be left asleep in the ring.
    atomic_store(&stress.stop_mapper, true);
    wait_for_all(workers, stress.threads, stress.threads, seen, silent);
    pthread_join(threads[stress.threads], NULL);
    atomic_store(&stress.stop, true);
    shared_stop(&workers[stress.threads]);
    wait_for_all(workers, 0, stress.threads - 1, seen, silent);
    for (int i = 0; i < stress.threads; i++)
        pthread_join(threads[i], NULL);
    shared_count(workers);
    return print_last_line(workers);
}

// ---- command line

// XSAVE's components that need no permission from the kernel and that ring 3 may fill with
// anything.
static void find_fp_layout(void)
{
    stress.fp.mask = 3;
    stress.xsave = cpu_has_xsave();
    if (!stress.xsave)
        return;
    uint64_t enabled = cpu_xcr0();
    for (uint32_t c = 2; c < FP_COMPONENTS; c++) {
        struct cpuid r = cpuid(0xd, c);
        if (c == 3 || c == 4 || !(enabled >> c & 1) || r.eax + r.ebx > FP_IMAGE)
            continue;
        stress.fp.mask |= 1ull << c;
        stress.fp.size[c] = r.eax;
        stress.fp.offset[c] = r.ebx;
    }
}

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return !errno && !*end && *text >= '0' && *text <= '9' && *value >= least && *value <= most;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: stress [--threads N] [--seconds T] [--seed S] [--door both|int|syscall]\n"
            "N from 1 to %d (default two a CPU), T from 1 to %d (default 10)\n",
            MAX_THREADS, MAX_SECONDS);
    return 2;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (sched_getaffinity(0, sizeof(stress.cpus), &stress.cpus) != 0) {
        fprintf(stderr, "stress: sched_getaffinity: no list of CPUs\n");
        return 1;
    }
    uint64_t thread_count = 2 * (uint64_t)CPU_COUNT(&stress.cpus), seconds = 10, seed;
    if (thread_count > MAX_THREADS)
        thread_count = MAX_THREADS;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    seed = ((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) & 0xffffffffffff;

    bool wanted[DOORS] = {false};
    for (int i = 1; i < argc; i += 2) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        bool good;
        if (strcmp(option, "--threads") == 0)
            good = parse_number(value, 1, MAX_THREADS, &thread_count);
        else if (strcmp(option, "--seconds") == 0)
            good = parse_number(value, 1, MAX_SECONDS, &seconds);
        else if (strcmp(option, "--seed") == 0)
            good = parse_number(value, 0, UINT64_MAX, &seed);
        else if (strcmp(option, "--door") == 0) {
            wanted[DOOR_INT] = strcmp(value, "both") == 0 || strcmp(value, "int") == 0;
            wanted[DOOR_SYSCALL] = strcmp(value, "both") == 0 || strcmp(value, "syscall") == 0;
            good = wanted[DOOR_INT] || wanted[DOOR_SYSCALL];
        } else
            good = false;
        if (!good)
            return usage();
    }

    // Linux's int 0x80 speaks i386: other numbers, other argument registers. Not this program's.
    struct doors doors = doors_find();
    doors.open[DOOR_INT] &= doors.one_table;
    bool any = wanted[DOOR_INT] || wanted[DOOR_SYSCALL];
    for (unsigned door = 0; door < DOORS; door++) {
        stress.door_used[door] = any ? wanted[door] : doors.open[door];
        if (stress.door_used[door] && !doors.open[door]) {
            fprintf(stderr, "stress: %s is closed: this is %s\n", door_names[door], doors.kernel);
            return 2;
        }
    }

    stress.threads = (int)thread_count;
    stress.pid = getpid();
    stress.uid = (int)getuid();
    stress.fsgsbase = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
    find_fp_layout();
    bool both = stress.door_used[DOOR_INT] && stress.door_used[DOOR_SYSCALL];
    const char *which = both ? "both doors" : stress.door_used[DOOR_INT] ? "int 0x80" : "syscall";
    printf("stress: seed 0x%llx, %d thread%s on %d CPU%s, %s%s\n", (unsigned long long)seed,
           stress.threads, stress.threads == 1 ? "" : "s", CPU_COUNT(&stress.cpus),
           CPU_COUNT(&stress.cpus) == 1 ? "" : "s", which, both ? "" : " only");

    size_t size = sizeof(struct worker) * (size_t)(stress.threads + 1);
    struct worker *workers = aligned_alloc(_Alignof(struct worker), size);
    if (!workers || !shared_start()) {
        fprintf(stderr, "stress: not enough memory for %d threads\n", stress.threads);
        free(workers);
        return 1;
    }
    memset(workers, 0, size);
    for (int i = 0; i <= stress.threads; i++) {
        workers[i].index = i;
        workers[i].random = seed + (uint64_t)i;
        random_next(&workers[i].random);
        workers[i].random = random_next(&workers[i].random);
        workers[i].change_page_tables = i == stress.threads;
    }
    int status = run(workers, (unsigned)seconds);
    free(workers);
    return status;
}
