// compare: what each door costs on each CPU. Every call is timed by itself, so the table can show
// a distribution; what the empty bracket costs (reading the clock, loading the number) is taken
// off. On Linux the same binary compares syscall with the i386 table behind int 0x80.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "door.h"
#include "stats.h"

#define BLOCK        200 // calls by one door before the next has its turn: both meet the same weather
#define WARM_UP      1000
#define MAX_CALLS    10000000
#define EMPTY        DOORS
#define UNKNOWN_CALL 500 // behind no door of any kernel that is compared here

struct call {
    const char *title;
    long number[DOORS];
    long expected;
};

struct summary {
    uint64_t min, median, p99;
};

struct row {
    int cpu;
    struct summary ticks[DOORS];
};

static bool has_rdtscp;
static uint64_t *samples[DOORS + 1]; // ticks by each door, and of the empty bracket
static struct row *rows;             // all CPUs for the first call, then all for the next

// Always inlined with a constant way, so that the bracket holds the door and no branch to choose
// it.
static inline __attribute__((always_inline)) bool sample(unsigned way, const struct call *call,
                                                         uint64_t *ticks, size_t count)
{
    long number = call->number[way == EMPTY ? DOOR_SYSCALL : way];
    bool right = true;
    for (size_t i = 0; i < count; i++) {
        long result = number;
        uint64_t begin = tsc_begin();
        if (way == DOOR_INT)
            result = door_int0(number);
        else if (way == DOOR_SYSCALL)
            result = door_syscall0(number);
        else
            asm volatile("" : "+a"(result) : : "memory");
        ticks[i] = tsc_end(has_rdtscp) - begin;
        right &= way == EMPTY || result == call->expected;
    }
    return right;
}

static bool sample_by(unsigned way, const struct call *call, uint64_t *ticks, size_t count)
{
    switch (way) {
    case DOOR_INT:
        return sample(DOOR_INT, call, ticks, count);
    case DOOR_SYSCALL:
        return sample(DOOR_SYSCALL, call, ticks, count);
    default:
        return sample(EMPTY, call, ticks, count);
    }
}

static struct summary summarise(uint64_t *ticks, size_t count)
{
    stats_sort(ticks, count);
    return (struct summary){
        .min = stats_quantile(ticks, count, 0),
        .median = stats_quantile(ticks, count, 500),
        .p99 = stats_quantile(ticks, count, 990),
    };
}

static int pin(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof(one), &one);
}

// Fills row->ticks for every open door, net of the empty bracket. False: a door answered wrongly.
static bool measure(const struct doors *doors, const struct call *call, size_t calls,
                    struct row *row)
{
    uint64_t scratch[BLOCK];
    bool right = true;
    for (unsigned way = 0; way <= EMPTY; way++)
        if (way == EMPTY || doors->open[way])
            for (size_t done = 0; done < WARM_UP; done += BLOCK)
                right &= sample_by(way, call, scratch, BLOCK);

    for (size_t done = 0; done < calls; done += BLOCK) {
        size_t count = calls - done < BLOCK ? calls - done : BLOCK;
        for (unsigned way = 0; way <= EMPTY; way++)
            if (way == EMPTY || doors->open[way])
                right &= sample_by(way, call, samples[way] + done, count);
    }

    uint64_t overhead = summarise(samples[EMPTY], calls).median;
    for (unsigned way = 0; way < DOORS; way++) {
        if (!doors->open[way])
            continue;
        struct summary s = summarise(samples[way], calls);
        row->ticks[way] =
            (struct summary){stats_less(s.min, overhead), stats_less(s.median, overhead),
                             stats_less(s.p99, overhead)};
    }
    return right;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// TSC ticks per nanosecond against CLOCK_MONOTONIC; 0 if one of the two stands still.
static double tick_rate(void)
{
    double from = now_ns();
    uint64_t begin = tsc_begin(), end = begin;
    double to = from;
    for (long tries = 0; to - from < 1e8 && tries < 100000000; tries++) {
        to = now_ns();
        end = tsc_end(has_rdtscp);
    }
    return to > from && end > begin ? (double)(end - begin) / (to - from) : 0;
}

static void print_heading(const struct doors *doors, size_t calls, double rate)
{
    char brand[CPU_BRAND], whose[64], digits[STATS_DIGITS];
    cpu_brand(brand);
    cpu_whose_times(whose, sizeof(whose), rate);
    printf("%s on %s, TSC %.2f GHz\n", doors->kernel, brand, rate);
    printf("%s calls by each door, less the empty loop and the clock's own cost;\n%s\n",
           stats_thousands(calls, digits), whose);
}

static void print_table(const struct doors *doors, const struct call *call, size_t calls,
                        double rate, const struct row *row, int cpus)
{
    char digits[STATS_DIGITS];
    stats_thousands(calls, digits);
    printf("\n%-32s%-26s%s\n", call->title, "TSC ticks", "nanoseconds");
    printf(" cpu  door         calls      min  median     p99      min  median     p99\n");
    for (int i = 0; i < cpus; i++) {
        for (unsigned way = 0; way < DOORS; way++) {
            const struct summary *s = &row[i].ticks[way];
            if (way == 0)
                printf("%4d", row[i].cpu);
            printf("%*s%-8s", way == 0 ? 2 : 6, "", door_names[way]);
            if (!doors->open[way]) {
                printf("    closed\n");
                continue;
            }
            printf(" %9s %8llu %7llu %7llu %8.1f %7.1f %7.1f\n", digits, (unsigned long long)s->min,
                   (unsigned long long)s->median, (unsigned long long)s->p99, (double)s->min / rate,
                   (double)s->median / rate, (double)s->p99 / rate);
        }
    }
    if (!doors->open[DOOR_INT] || !doors->open[DOOR_SYSCALL])
        return;
    printf(" int 0x80 / syscall, ratio of the medians:");
    for (int i = 0; i < cpus; i++) {
        const struct summary *s = row[i].ticks;
        printf("%s   cpu %d  ", i % 5 == 0 ? "\n" : "", row[i].cpu);
        if (s[DOOR_SYSCALL].median)
            printf("%.2f", (double)s[DOOR_INT].median / (double)s[DOOR_SYSCALL].median);
        else
            printf("n/a");
    }
    printf("\n");
}

static int usage(void)
{
    fprintf(stderr, "usage: compare [--calls N]    N calls by each door, 1 to %d (default 20000)\n",
            MAX_CALLS);
    return 2;
}

static int fail(const char *what)
{
    fprintf(stderr, "compare: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    size_t calls = 20000;
    if (argc == 3 && strcmp(argv[1], "--calls") == 0) {
        char *end;
        errno = 0;
        unsigned long wanted = strtoul(argv[2], &end, 10);
        if (errno || *end || argv[2][0] < '0' || argv[2][0] > '9' || !wanted || wanted > MAX_CALLS)
            return usage();
        calls = wanted;
    } else if (argc != 1) {
        return usage();
    }

    struct doors doors = doors_find();
    if (!doors.open[DOOR_INT] && !doors.open[DOOR_SYSCALL])
        return fail("uname -v does not say which doors are open");
    has_rdtscp = cpu_has_rdtscp();

    long pid = getpid();
    struct call table[] = {
        {"getpid", {doors.one_table ? 39 : 20 /* i386 */, 39}, pid},
        {"number 500: not implemented", {UNKNOWN_CALL, UNKNOWN_CALL}, -ENOSYS},
    };
    enum { CALLS = sizeof(table) / sizeof(table[0]) };

    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return fail("sched_getaffinity: no list of CPUs");
    int cpus = CPU_COUNT(&allowed);
    for (unsigned way = 0; way <= EMPTY; way++)
        samples[way] = calloc(calls, sizeof(uint64_t));
    rows = calloc((size_t)cpus * CALLS, sizeof(*rows));
    if (!rows || !samples[DOOR_INT] || !samples[DOOR_SYSCALL] || !samples[EMPTY])
        return fail("not enough memory for so many calls");

    double rate = 0;
    int done = 0;
    for (int cpu = 0; cpu < CPUS_MOST; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        if (pin(cpu) != 0 || sched_getcpu() != cpu) {
            fprintf(stderr, "compare: CPU %d cannot be pinned\n", cpu);
            return 1;
        }
        if (rate == 0)
            rate = tick_rate();
        if (rate == 0)
            return fail("the TSC or CLOCK_MONOTONIC stands still");
        for (int c = 0; c < CALLS; c++) {
            struct row *row = &rows[c * cpus + done];
            row->cpu = cpu;
            if (!measure(&doors, &table[c], calls, row)) {
                fprintf(stderr, "compare: CPU %d, %s: a wrong result\n", cpu, table[c].title);
                return 1;
            }
        }
        done++;
    }

    print_heading(&doors, calls, rate);
    for (int c = 0; c < CALLS; c++)
        print_table(&doors, &table[c], calls, rate, &rows[c * cpus], cpus);
    return 0;
}
