// How a job is sampled: batches beside one another with the clock, or counted exactly; where a
// thread runs, and threads that start together.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "cpu.h"

#define EXACT_REPETITIONS 20 // the least of so many is one that no timer tick fell into
#define VOID_TRIES        50

// Of the nop loop: instructions a turn, and between the two rdtsc besides.
#define LOOP_LENGTH 4
#define LOOP_AROUND 16

// ---- where, and what disturbed

bool pin(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof(one), &one) == 0 && sched_getcpu() == cpu;
}

uint32_t here(void)
{
    uint32_t aux = 0;
    if (!bench.has_rdtscp)
        return (uint32_t)sched_getcpu();
    tsc_end_on(true, &aux);
    return aux;
}

long interrupts(enum door door)
{
    if (!bench.lab)
        return -1;
    return door == DOOR_INT ? door_int(SYS_LAB, LAB_INTERRUPTS, 0, 0, 0, 0, 0)
                            : door_syscall(SYS_LAB, LAB_INTERRUPTS, 0, 0, 0, 0, 0);
}

const char *door_absent(enum door door)
{
    if (bench.doors.open[door])
        return NULL;
    return bench.doors.one_table ? "closed in this build" : "not on this kernel";
}

// ---- jobs

uint64_t sample_loop(struct job *job, uint64_t turns)
{
    uint64_t ticks = job->loop(job->calls, turns);
    if (job->expected != EXPECT_ANY && job->calls->result != job->expected)
        job->result.absent = "a call gave a wrong result";
    return ticks;
}

uint64_t empty_loop(struct job *job, uint64_t turns)
{
    return job->nop(job->nop_calls ? job->nop_calls : job->calls, turns);
}

static uint64_t one_empty(struct job *job)
{
    return job->empty ? job->empty(job, job->turns) : 0;
}

// Bounded: a sample that is void too often ends the job.
static uint64_t one_sample(struct job *job)
{
    for (int i = 0; i < VOID_TRIES && !job->result.absent; i++) {
        uint64_t ticks = job->sample(job, job->turns);
        if ((int64_t)ticks >= 0)
            return ticks;
    }
    if (!job->result.absent)
        job->result.absent = "disturbed every time";
    return SAMPLE_VOID;
}

enum door any_door(void)
{
    return bench.doors.open[DOOR_SYSCALL] ? DOOR_SYSCALL : DOOR_INT;
}

static uint64_t least(struct job *job, uint64_t (*one)(struct job *))
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < EXACT_REPETITIONS && !job->result.absent; i++) {
        uint64_t ticks = one(job);
        best = ticks < best ? ticks : best;
    }
    return best;
}

static void count_exactly(struct job *job)
{
    struct result *result = &job->result;
    uint64_t empty = least(job, one_empty);
    uint64_t first = least(job, one_sample), second = least(job, one_sample);
    if (result->absent)
        return;
    uint64_t count = stats_less(first, empty);
    result->kind = RESULT_EXACT;
    result->value = (double)count / result->per;
    result->inexact |= first != second || first < empty || count % result->per != 0;
}

// Of every job: its samples, what was taken off them, and room to work.
struct samples {
    uint64_t *with, *without, *scratch;
};

static bool allocate(struct samples *samples, const struct job *jobs, unsigned count)
{
    for (unsigned j = 0; j < count; j++) {
        size_t n = jobs[j].samples;
        samples[j].with = n ? calloc(3 * n, sizeof(uint64_t)) : NULL;
        if (!samples[j].with)
            return false;
        samples[j].without = samples[j].with + n;
        samples[j].scratch = samples[j].without + n;
    }
    return true;
}

static void take(struct job *job, struct samples *samples, unsigned i)
{
    samples->without[i] = one_empty(job);
    uint32_t before = here();
    long interrupts_before = interrupts(any_door());
    samples->with[i] = one_sample(job);
    job->result.ticked += interrupts(any_door()) != interrupts_before;
    job->result.migrated += here() != before;
}

static void summarise(struct job *job, struct samples *samples)
{
    struct result *result = &job->result;
    size_t n = job->samples;
    result->overhead = stats_summarise(samples->without, samples->scratch, n).p50;
    for (size_t i = 0; i < n; i++)
        samples->with[i] = stats_less(samples->with[i], result->overhead);
    result->ticks = stats_summarise(samples->with, samples->scratch, n);
    result->kind = RESULT_BATCH;
    if (!bench.lab)
        result->ticked = -1;
}

void measure(struct job *jobs, unsigned count)
{
    unsigned most = 0;
    for (unsigned j = 0; j < count; j++) {
        jobs[j].result.per = jobs[j].turns * jobs[j].calls_per_turn;
        most = jobs[j].samples > most ? jobs[j].samples : most;
        if (!jobs[j].result.absent) { // warm-up
            one_empty(&jobs[j]);
            one_sample(&jobs[j]);
        }
    }
    if (bench.exact) {
        for (unsigned j = 0; j < count; j++)
            if (!jobs[j].result.absent)
                count_exactly(&jobs[j]);
        return;
    }

    struct samples *samples = count ? calloc(count, sizeof(*samples)) : NULL;
    bool enough = samples && allocate(samples, jobs, count);
    for (unsigned i = 0; enough && i < most; i++)
        for (unsigned j = 0; j < count; j++)
            if (i < jobs[j].samples && !jobs[j].result.absent)
                take(&jobs[j], &samples[j], i);
    for (unsigned j = 0; j < count; j++) {
        if (!enough)
            jobs[j].result.absent = "not enough memory for the samples";
        else if (!jobs[j].result.absent)
            summarise(&jobs[j], &samples[j]);
        if (samples)
            free(samples[j].with);
    }
    free(samples);
}

// The nop loop's length is known beforehand: a clock that counts instructions reads exactly it.
bool clock_counts_instructions(void)
{
    static struct bench_call call;
    struct job job = {.empty = empty_loop, .nop = call_loops.nop, .calls = &call, .turns = 500};
    uint64_t once = least(&job, one_empty);
    job.turns *= 3;
    return once == 500 * LOOP_LENGTH + LOOP_AROUND &&
           least(&job, one_empty) == 1500 * LOOP_LENGTH + LOOP_AROUND;
}

// ---- threads that start together

bool word_wait(_Atomic uint32_t *word, uint32_t value, double seconds)
{
    struct timespec timeout = {.tv_sec = (time_t)seconds};
    timeout.tv_nsec = (long)((seconds - (double)timeout.tv_sec) * 1e9);
    for (uint32_t now; (now = atomic_load(word)) != value;)
        if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, &timeout) != 0 && errno == ETIMEDOUT)
            return false;
    return true;
}

void word_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

struct crew {
    _Atomic uint32_t ready, go, done;
    unsigned count;
    double seconds;
    void (*work)(unsigned index, void *context);
    void *context;
    struct member {
        struct crew *crew;
        pthread_t thread;
        unsigned index;
        int cpu;
    } members[];
};

static void count_in(_Atomic uint32_t *word, unsigned count)
{
    if (atomic_fetch_add(word, 1) + 1 == count)
        word_wake(word);
}

static void *crew_member(void *argument)
{
    const struct member *member = argument;
    struct crew *crew = member->crew;
    if (!pin(member->cpu))
        return NULL; // it is missed, and the crew ends by its time limit
    count_in(&crew->ready, crew->count);
    if (word_wait(&crew->go, 1, crew->seconds)) {
        crew->work(member->index, crew->context);
        count_in(&crew->done, crew->count);
    }
    return NULL;
}

bool crew_run(const int *cpus, unsigned count, void (*work)(unsigned index, void *context),
              void *context, double seconds, uint64_t *ticks)
{
    struct crew *crew = calloc(1, sizeof(*crew) + count * sizeof(crew->members[0]));
    if (!crew)
        return false;
    crew->count = count;
    crew->seconds = seconds;
    crew->work = work;
    crew->context = context;
    for (unsigned i = 0; i < count; i++) {
        crew->members[i] = (struct member){.crew = crew, .index = i, .cpu = cpus[i]};
        if (pthread_create(&crew->members[i].thread, NULL, crew_member, &crew->members[i]) != 0)
            return false; // those that were made still use the crew: it stays
    }
    if (!word_wait(&crew->ready, count, seconds))
        return false;
    uint64_t begin = tsc_begin();
    atomic_store(&crew->go, 1);
    word_wake(&crew->go);
    if (!word_wait(&crew->done, count, seconds))
        return false;
    *ticks = tsc_end(bench.has_rdtscp) - begin;
    for (unsigned i = 0; i < count; i++)
        pthread_join(crew->members[i].thread, NULL);
    free(crew);
    return true;
}
