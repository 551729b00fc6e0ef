// Null calls by ever more CPUs at once: how many a second, or exactly how many instructions each.
#define _GNU_SOURCE
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

#include "bench_calls.h"
#include "cpu.h"

#define SPAN_NS     300e6
#define LEAD_NS     20e6 // from the last one's coming until the start
#define COME_NS     10e9 // after which one that waits for the others goes on alone
#define BLOCK       200  // calls between two looks at the clock
#define TIME_LIMIT  30   // seconds
#define EXACT_CALLS 2000
#define REPETITIONS 4

// Static, for threads that come too late may still look at it.
static struct scale {
    enum door door;
    unsigned threads;
    uint64_t turns; // exact: what each does
    bench_loop *loop;
    _Atomic uint32_t come;
    _Atomic uint64_t start; // ticks; set by the last to come
    struct seat {
        _Alignas(64) struct bench_call call;
        bool wrong;
        double rate;
    } * seats;
} scale;

static void call_for_a_span(unsigned index, void *context)
{
    (void)context;
    struct seat *seat = &scale.seats[index];
    double ticks_per_ns = 1 / machine_ns(1);
    uint64_t came = tsc_begin(), now = came, start, calls = 0;
    uint64_t enough = came + (uint64_t)(COME_NS * ticks_per_ns);
    if (atomic_fetch_add(&scale.come, 1) + 1 == scale.threads)
        atomic_store(&scale.start, now + (uint64_t)(LEAD_NS * ticks_per_ns));
    while ((!(start = atomic_load(&scale.start)) || now < start) && now < enough) {
        scale.loop(&seat->call, BLOCK);
        now = tsc_begin();
    }
    // Who saw the clock before the start is measured from there, even if the host let it run again
    // later; a clock that is ahead of the others' counts from now.
    uint64_t begin = start && came < start && start <= now ? start : now;
    uint64_t end = begin + (uint64_t)(SPAN_NS * ticks_per_ns);
    while ((now = tsc_begin()) < end) {
        scale.loop(&seat->call, BLOCK);
        calls += BLOCK;
    }
    seat->rate = calls ? (double)calls / machine_ns((double)(now - begin)) * 1e9 : 0;
    seat->wrong = calls && seat->call.result != getpid();
}

static void call_so_often(unsigned index, void *context)
{
    (void)context;
    scale.loop(&scale.seats[index].call, scale.turns);
}

static void measure_rate(struct result *result)
{
    uint64_t ticks;
    atomic_store(&scale.come, 0);
    atomic_store(&scale.start, 0);
    scale.loop = call_loops.by[scale.door];
    if (!crew_run(bench.cpus, scale.threads, call_for_a_span, NULL, TIME_LIMIT, &ticks)) {
        result->absent = "not all threads came, or came to their end, in time";
        return;
    }
    double *each = calloc(scale.threads, sizeof(*each));
    for (unsigned i = 0; each && i < scale.threads; i++) {
        each[i] = scale.seats[i].rate;
        if (scale.seats[i].wrong)
            result->absent = "a call gave a wrong result";
    }
    result->kind = each ? RESULT_RATE : RESULT_ABSENT;
    result->each = each;
    result->threads = scale.threads;
    result->seconds = SPAN_NS / 1e9;
}

// The least ticks, from letting the threads go until all are done, for so many turns each.
static uint64_t least_span(bench_loop *loop, uint64_t turns, struct result *result)
{
    uint64_t best = UINT64_MAX;
    scale.loop = loop;
    scale.turns = turns;
    for (int i = 0; i < REPETITIONS && !result->absent; i++) {
        uint64_t ticks;
        if (!crew_run(bench.cpus, scale.threads, call_so_often, NULL, TIME_LIMIT, &ticks))
            result->absent = "not all threads came, or came to their end, in time";
        else
            best = ticks < best ? ticks : best;
    }
    return best;
}

// Instructions that so many more calls of every thread take. Under -icount the TSC is everybody's:
// it advances by the instructions of all CPUs. What starts and ends the threads is in both spans.
static uint64_t more_calls_cost(bench_loop *loop, struct result *result)
{
    uint64_t few = least_span(loop, EXACT_CALLS, result);
    return stats_less(least_span(loop, 2 * EXACT_CALLS, result), few);
}

static void count_exactly(struct result *result)
{
    bench_loop *loop = call_loops.by[scale.door];
    uint64_t nops = more_calls_cost(call_loops.nop, result);
    uint64_t first = stats_less(more_calls_cost(loop, result), nops);
    uint64_t second = stats_less(more_calls_cost(loop, result), nops);
    result->kind = RESULT_EXACT;
    result->per = scale.threads * EXACT_CALLS;
    result->value = (double)first / result->per;
    result->inexact = first != second || first % result->per != 0;
}

static void scale_at(unsigned threads)
{
    for (unsigned door = 0; door < DOORS; door++) {
        struct result result = {.absent = door_absent(door)};
        scale.door = door;
        scale.threads = threads;
        for (unsigned i = 0; i < threads; i++)
            call_set(&scale.seats[i].call, door, CALL_GETPID, NULL);
        if (!result.absent && bench.exact)
            count_exactly(&result);
        else if (!result.absent)
            measure_rate(&result);
        record_begin("scale");
        record_door(door);
        record_number("threads", threads);
        record_end(&result);
        free((void *)result.each);
    }
}

void bench_scale(void)
{
    scale.seats = aligned_alloc(64, bench.cpu_count * sizeof(struct seat));
    if (!scale.seats)
        return;
    for (unsigned i = 0; i < bench.cpu_count; i++)
        scale.seats[i] = (struct seat){.wrong = false};
    for (unsigned threads = 1; threads < bench.cpu_count; threads *= 2)
        scale_at(threads);
    scale_at(bench.cpu_count);
}
