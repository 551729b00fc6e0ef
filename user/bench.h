// bench, the parts it is made of: the loops in assembly, how they are sampled, the records that come
// of it, and the parts of a run.
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/sys/lab_abi.h"
#include "door.h"
#include "histogram.h"
#include "stats.h"

struct bench {
    bool exact; // under -icount: instructions are counted, and no ticks
    bool lab;   // booted with lab=on
    bool has_rdtscp;
    struct doors doors;
    int *cpus; // all that this process may run on
    unsigned cpu_count;
    int cpu; // where the first thread is pinned now
};
extern struct bench bench;

// ---- the loops (bench_loops.asm, bench_loops.c)

// A call as the loops take it. The registers serve both ABIs: see call_set.
struct bench_call {
    uint64_t rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10;
    uint64_t number;
    int64_t result;         // of the last turn
    _Atomic uint32_t *word; // handoff: set before the wake, or awaited
    _Atomic uint64_t count; // turns left
};
static_assert(offsetof(struct bench_call, number) == 72, "bench_loops.asm");
static_assert(offsetof(struct bench_call, result) == 80, "bench_loops.asm");
static_assert(offsetof(struct bench_call, word) == 88, "bench_loops.asm");
static_assert(offsetof(struct bench_call, count) == 96, "bench_loops.asm");
static_assert(sizeof(struct bench_call) == 104, "bench_loops.asm");
static_assert(LAB_GATE == 0x81, "bench_loops.asm");

// Returns TSC ticks from before the first turn until after the last. turns > 0.
typedef uint64_t bench_loop(struct bench_call *calls, uint64_t turns);

// The same loop with a nop, and by each door.
struct loops {
    bench_loop *nop, *by[DOORS];
};
extern const struct loops call_loops, page_loops;
extern const struct loops shared_loops, handoff_loops; // turns left are in the call's count
extern const struct loops gate_loops;                  // DOOR_INT by LAB_GATE
bool loops_are_alike(void);                            // but for the doors

// The number and the arguments of a CALL_... (bench_calls.h) as this kernel wants them at this door.
void call_set(struct bench_call *call, enum door door, unsigned which, const long arguments[6]);

// ---- sampling (bench_measure.c)

enum result_kind { RESULT_ABSENT, RESULT_EXACT, RESULT_SINGLE, RESULT_BATCH, RESULT_RATE };

struct result {
    enum result_kind kind;
    const char *absent;        // why, in a few words
    unsigned per;              // calls a sample
    double value;              // exact: instructions a call
    bool inexact;              // it did not divide, or did not come twice
    struct distribution ticks; // single, batch: of a sample, less the overhead
    uint64_t overhead;
    long ticked; // samples hit by an interrupt; -1: this kernel cannot say
    long migrated;
    const struct histogram *histogram; // single
    const double *each;                // rate: calls a second of every thread
    unsigned threads;
    double seconds;
};

// This sample says nothing: take another. So does any other that is negative as a signed number: the
// clock ran backwards.
#define SAMPLE_VOID UINT64_MAX

// Something to be measured in batches. A job whose result has a reason to be absent is passed over.
struct job {
    // Both return ticks for so many turns. empty: what is not to be counted; NULL: nothing.
    uint64_t (*sample)(struct job *job, uint64_t turns), (*empty)(struct job *job, uint64_t turns);
    unsigned turns, calls_per_turn, samples;
    struct bench_call *calls, *nop_calls; // of loop and nop
    bench_loop *loop, *nop;
    int64_t expected; // the last turn's result; EXPECT_ANY
    enum door door;
    enum lab_rung rung;
    struct result result;
};
#define EXPECT_ANY INT64_MIN

// Fills the results. Their samples alternate, so that all jobs meet the same weather; counted
// exactly, one after the other. The thread is pinned.
void measure(struct job *jobs, unsigned count);

uint64_t sample_loop(struct job *job, uint64_t turns); // by job->loop; checks the result
uint64_t empty_loop(struct job *job, uint64_t turns);

bool clock_counts_instructions(void);
bool pin(int cpu);                  // the calling thread
uint32_t here(void);                // something that tells CPUs apart
long interrupts(enum door door);    // LAB_INTERRUPTS; -1 without the lab
enum door any_door(void);           // one that is open
const char *door_absent(enum door); // why it is closed; NULL if it is open

// Runs work(index, context) on threads, thread i pinned to cpus[i], all let go at once; *ticks from
// then until the last is done. False: one did not start or end within the seconds, and threads may
// be left that use context.
bool crew_run(const int *cpus, unsigned count, void (*work)(unsigned index, void *context),
              void *context, double seconds, uint64_t *ticks);

// Waits until the word has the value; false after so many seconds.
bool word_wait(_Atomic uint32_t *word, uint32_t value, double seconds);
void word_wake(_Atomic uint32_t *word);

// ---- records (bench_record.c, bench_machine.c)

// "-": to stdout. False: it cannot be opened, errno says why, and records go to stdout.
bool record_open(const char *path);
void record_close(void);

// One record: record_begin, its own keys, record_end. A readable line goes to stdout as well.
void record_begin(const char *measurement);
void record_text(const char *key, const char *value);
void record_door(enum door door);
void record_number(const char *key, long value);
void record_end(const struct result *result);

// How the medians of two doors compare, if their intervals lie apart.
void print_ratio(const struct result *a, const struct result *b);

void machine_host(const char *key, const char *value); // before machine_find
bool machine_find(void);
const char *machine_json(void);
double machine_ns(double ticks);
const char *machine_line(void); // for a heading

// ---- the parts

void bench_clock(void);
void bench_crossing(void);
void bench_ladder(void);
void bench_ways(void);
void bench_scale(void);
void bench_calls(void);
