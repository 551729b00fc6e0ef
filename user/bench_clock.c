// The clock itself, and getpid by each door on every CPU: single calls, each in a bracket of its
// own, and batches.
#define _GNU_SOURCE
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

#include "bench_calls.h"
#include "cpu.h"

#define SINGLE_CALLS 20000
#define BLOCK        200 // calls by one door before the next has its turn: both meet the same weather
#define WARM_UP      1000
#define BATCHES      100
#define EMPTY        DOORS

static struct {
    uint64_t *ticks;
    long ticked, migrated;
} way_samples[DOORS + 1];
static uint32_t home; // as tsc_end_on tells the CPU that the thread is pinned to

// Always inlined with a constant way, so that the bracket holds the door and no branch to choose it.
// Interrupts are asked for by the same door, so that each call follows one of its own kind.
static inline __attribute__((always_inline)) bool sample(unsigned way, uint64_t number,
                                                         uint64_t *ticks, size_t count)
{
    long pid = getpid();
    enum door beside = way == EMPTY ? any_door() : way;
    bool right = true;
    long before = interrupts(beside);
    for (size_t i = 0; i < count; i++) {
        long result = (long)number;
        uint32_t aux = home;
        uint64_t begin = tsc_begin();
        if (way == DOOR_INT)
            result = door_int0((long)number);
        else if (way == DOOR_SYSCALL)
            result = door_syscall0((long)number);
        else
            asm volatile("" : "+a"(result) : : "memory");
        uint64_t end = tsc_end_on(bench.has_rdtscp, &aux);
        ticks[i] = stats_less(end, begin); // 0, not 2^64, should the clock run backwards
        long after = interrupts(beside);
        right &= way == EMPTY || result == pid;
        way_samples[way].ticked += after != before;
        way_samples[way].migrated += aux != home;
        before = after;
    }
    return right;
}

static bool sample_by(unsigned way, uint64_t *ticks, size_t count)
{
    struct bench_call call;
    uint32_t before = here();
    call_set(&call, way == DOOR_INT ? DOOR_INT : DOOR_SYSCALL, CALL_GETPID, NULL);
    bool right = way == DOOR_INT       ? sample(DOOR_INT, call.number, ticks, count)
                 : way == DOOR_SYSCALL ? sample(DOOR_SYSCALL, call.number, ticks, count)
                                       : sample(EMPTY, call.number, ticks, count);
    if (!bench.has_rdtscp && here() != before) // without TSC_AUX nobody knows which of them
        way_samples[way].migrated += (long)count;
    return right;
}

static struct result single_result(unsigned way, uint64_t overhead, struct histogram *histogram)
{
    static uint64_t scratch[SINGLE_CALLS];
    uint64_t *ticks = way_samples[way].ticks;
    for (size_t i = 0; i < SINGLE_CALLS; i++)
        ticks[i] = stats_less(ticks[i], overhead);
    histogram_fill(histogram, ticks, SINGLE_CALLS);
    return (struct result){
        .kind = RESULT_SINGLE,
        .per = 1,
        .ticks = stats_summarise(ticks, scratch, SINGLE_CALLS),
        .overhead = overhead,
        .ticked = bench.lab ? way_samples[way].ticked : -1,
        .migrated = way_samples[way].migrated,
        .histogram = histogram,
    };
}

// Samples all ways that are open; false: a wrong result, or not enough memory.
static bool sample_single(void)
{
    bool right = true;
    for (unsigned way = 0; way <= EMPTY; way++) {
        if (!way_samples[way].ticks)
            way_samples[way].ticks = calloc(SINGLE_CALLS, sizeof(uint64_t));
        if (!way_samples[way].ticks)
            return false;
    }
    home = here();
    for (size_t done = 0; done < WARM_UP + SINGLE_CALLS; done += BLOCK) {
        size_t at = done < WARM_UP ? 0 : done - WARM_UP;
        for (unsigned way = 0; way <= EMPTY; way++) {
            if (done == WARM_UP)
                way_samples[way].ticked = way_samples[way].migrated = 0;
            if (way == EMPTY || bench.doors.open[way])
                right &= sample_by(way, way_samples[way].ticks + at, BLOCK);
        }
    }
    return right;
}

// Of the empty bracket, which no door's sample may be charged with. Sorts.
static uint64_t bracket_cost(void)
{
    stats_sort(way_samples[EMPTY].ticks, SINGLE_CALLS);
    return stats_quantile(way_samples[EMPTY].ticks, SINGLE_CALLS, 500);
}

static uint64_t bracket(struct job *job, uint64_t turns)
{
    (void)job;
    (void)turns;
    uint64_t begin = tsc_begin();
    return tsc_end(bench.has_rdtscp) - begin;
}

// Twice the turns, of which empty_loop takes one half off: what begins and ends a loop is no part
// of a turn.
static uint64_t loop_twice(struct job *job, uint64_t turns)
{
    return job->loop(job->calls, 2 * turns);
}

void bench_clock(void)
{
    static struct histogram histogram;
    static struct bench_call call;
    struct job jobs[] = {
        {.sample = bracket, .turns = 1, .calls_per_turn = 1, .samples = BATCHES},
        {.sample = loop_twice,
         .empty = empty_loop,
         .loop = call_loops.nop,
         .nop = call_loops.nop,
         .calls = &call,
         .expected = EXPECT_ANY,
         .turns = 1000,
         .calls_per_turn = 1,
         .samples = BATCHES},
    };
    pin(bench.cpus[0]);
    measure(jobs, 2);
    if (!bench.exact) {
        sample_single();
        jobs[0].result = single_result(EMPTY, 0, &histogram);
    }
    record_begin("clock");
    record_text("what", "bracket");
    record_end(&jobs[0].result);
    record_begin("clock");
    record_text("what", "empty loop");
    record_end(&jobs[1].result);
}

static void record_both(const char *measurement, const struct result results[DOORS])
{
    for (unsigned door = 0; door < DOORS; door++) {
        record_begin(measurement);
        record_number("cpu", bench.cpu);
        record_door(door);
        record_end(&results[door]);
    }
    print_ratio(&results[DOOR_INT], &results[DOOR_SYSCALL]);
}

static void single_calls(void)
{
    static struct histogram histograms[DOORS];
    bool right = sample_single();
    uint64_t overhead = right ? bracket_cost() : 0;
    struct result results[DOORS];
    for (unsigned door = 0; door < DOORS; door++) {
        if (!door_absent(door) && right)
            results[door] = single_result(door, overhead, &histograms[door]);
        else
            results[door] = (struct result){.absent = door_absent(door) ? door_absent(door)
                                                                        : "a call went wrong"};
    }
    record_both("crossing", results);
}

static void batches(void)
{
    static struct bench_call calls[DOORS];
    struct job jobs[DOORS];
    for (unsigned door = 0; door < DOORS; door++) {
        call_set(&calls[door], door, CALL_GETPID, NULL);
        jobs[door] = (struct job){
            .sample = sample_loop,
            .empty = empty_loop,
            .loop = call_loops.by[door],
            .nop = call_loops.nop,
            .calls = &calls[door],
            .expected = getpid(),
            .turns = bench.exact ? 200 : 1000,
            .calls_per_turn = 1,
            .samples = BATCHES,
            .result.absent = door_absent(door),
        };
    }
    measure(jobs, DOORS);
    const struct result results[DOORS] = {jobs[0].result, jobs[1].result};
    record_both(bench.exact ? "crossing" : "throughput", results);
}

void bench_crossing(void)
{
    for (unsigned i = 0; i < bench.cpu_count; i++) {
        bench.cpu = bench.cpus[i];
        if (!pin(bench.cpu)) {
            const char *why = "the thread cannot be pinned to this CPU";
            const struct result results[DOORS] = {{.absent = why}, {.absent = why}};
            record_both("crossing", results);
            continue;
        }
        if (!bench.exact)
            single_calls();
        batches();
    }
    bench.cpu = bench.cpus[0];
    pin(bench.cpu);
}
