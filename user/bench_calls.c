// What calls cost, each by every door that has it: those that do next to nothing, memory, and two
// threads of one CPU that take turns.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench_calls.h"
#include "cpu.h"

#define PAGE       4096
#define PAGES      256            // of the page faults: less than a huge page
#define TABLE      (512UL * PAGE) // bytes that one page table maps
#define TIME_LIMIT 60             // seconds for two threads that take turns

static unsigned turns(unsigned ticking, unsigned exact)
{
    return bench.exact ? exact : ticking;
}

static void record_call(const char *name, enum door door, const struct result *result)
{
    record_begin("call");
    record_text("name", name);
    record_door(door);
    record_end(result);
}

// No door of the bench's choosing: libc's, or none.
static void record_by_libc(const char *name, const struct result *result)
{
    record_begin("call");
    record_text("name", name);
    record_text("door", "libc");
    record_end(result);
}

static struct job job_of(enum door door, const struct loops *loops, struct bench_call *calls)
{
    return (struct job){
        .sample = sample_loop,
        .empty = empty_loop,
        .loop = loops->by[door],
        .nop = loops->nop,
        .calls = calls,
        .door = door,
        .calls_per_turn = 1,
        .samples = 100,
        .result.absent = door_absent(door),
    };
}

// ---- calls that return at once. What they point at is static: the i386 table takes 32 bits.

static void simple_calls(void)
{
    static struct timespec now;
    static _Atomic uint32_t nobody_waits;
    static const char byte = 'x';
    static struct bench_call calls[DOORS];
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const struct {
        const char *name;
        unsigned which;
        long arguments[6];
        int64_t expected;
        const char *absent;
    } table[] = {
        {"getpid", CALL_GETPID, {0}, getpid(), NULL},
        {"ENOSYS", CALL_ENOSYS, {0}, -ENOSYS, NULL},
        {"clock_gettime", CALL_CLOCK_GETTIME, {CLOCK_MONOTONIC, (long)&now}, 0, NULL},
        {"write", CALL_WRITE, {null, (long)&byte, 1}, 1, null < 0 ? "no /dev/null" : NULL},
        {"futex wake", CALL_FUTEX, {(long)&nobody_waits, FUTEX_WAKE_PRIVATE, 1}, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct job jobs[DOORS];
        for (unsigned door = 0; door < DOORS; door++) {
            call_set(&calls[door], door, table[i].which, table[i].arguments);
            jobs[door] = job_of(door, &call_loops, &calls[door]);
            jobs[door].turns = turns(1000, 200);
            jobs[door].expected = table[i].expected;
            if (table[i].absent)
                jobs[door].result.absent = table[i].absent;
        }
        measure(jobs, DOORS);
        for (unsigned door = 0; door < DOORS; door++)
            record_call(table[i].name, door, &jobs[door].result);
        print_ratio(&jobs[DOOR_INT].result, &jobs[DOOR_SYSCALL].result);
    }
    if (null >= 0)
        close(null);
}

// ---- memory

static void map_touch_unmap(void)
{
    static struct bench_call calls[DOORS][2], nop_calls[2];
    static char page[PAGE] __attribute__((aligned(PAGE)));
    const long map[6] = {0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0};
    const long unmap[6] = {0, PAGE};
    struct job jobs[DOORS];
    nop_calls[0].number = (uint64_t)(uintptr_t)page; // what a nop "returns" is touched
    for (unsigned door = 0; door < DOORS; door++) {
        call_set(&calls[door][0], door, CALL_MMAP, map);
        call_set(&calls[door][1], door, CALL_MUNMAP, unmap);
        jobs[door] = job_of(door, &page_loops, calls[door]);
        jobs[door].nop_calls = nop_calls;
        jobs[door].turns = turns(40, 20);
    }
    measure(jobs, DOORS);
    for (unsigned door = 0; door < DOORS; door++)
        record_call("mmap touch munmap", door, &jobs[door].result);
}

static volatile char *pages;

static __attribute__((noinline)) uint64_t touch(uint64_t count)
{
    uint64_t begin = tsc_begin();
    for (uint64_t i = 0; i < count; i++)
        pages[i * PAGE] = 1;
    return tsc_end(bench.has_rdtscp) - begin;
}

static uint64_t touch_fresh(struct job *job, uint64_t count)
{
    if (madvise((void *)pages, PAGES * PAGE, MADV_DONTNEED) != 0)
        job->result.absent = "madvise does not free pages here";
    return touch(count);
}

static uint64_t touch_again(struct job *job, uint64_t count)
{
    (void)job;
    touch(count);
    return touch(count);
}

static void page_fault(void)
{
    struct job job = {.sample = touch_fresh,
                      .empty = touch_again,
                      .turns = PAGES,
                      .calls_per_turn = 1,
                      .samples = 100};
    char *mapped =
        mmap(NULL, 2 * TABLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        job.result.absent = "no memory to map";
    } else {
        madvise(mapped, 2 * TABLE, MADV_NOHUGEPAGE); // one fault a page; an error: it is so anyway
        // All have one page table, and the page behind them keeps it: a fault that makes one is another.
        pages = mapped + (-(uintptr_t)mapped & (TABLE - 1));
        pages[PAGES * PAGE] = 1;
        measure(&job, 1);
        munmap(mapped, 2 * TABLE);
    }
    record_by_libc("page fault", &job.result);
}

// ---- threads

static void *nothing(void *argument)
{
    return argument;
}

static uint64_t create_and_join(struct job *job, uint64_t count)
{
    uint64_t begin = tsc_begin();
    for (uint64_t i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) != 0) {
            job->result.absent = "a thread cannot be created";
            break;
        }
        pthread_join(thread, NULL);
    }
    return tsc_end(bench.has_rdtscp) - begin;
}

static void thread_create_join(void)
{
    struct job job = {
        .sample = create_and_join, .turns = turns(10, 10), .calls_per_turn = 1, .samples = 50};
    measure(&job, 1);
    record_by_libc("thread create join", &job.result);
}

// Two threads of one CPU. Static, for one that comes too late may still look at it.
static struct pair {
    struct job job;
    struct bench_call mine[2], theirs[2], nop[2];
    _Atomic uint32_t ping, pong, word;
} pair;

// What both threads execute besides calls: a turn of the other for each of one's own.
static uint64_t empty_pair(struct job *job, uint64_t count)
{
    return empty_loop(job, 2 * count);
}

// Linux may let the caller of sched_yield go on, and then lets the other yield more often: ticks for
// as many calls as there would be if the two had taken turns. Nobody else ever calls it.
static uint64_t sample_yields(struct job *job, uint64_t count)
{
    uint64_t before = atomic_load(&pair.theirs[0].count);
    uint64_t ticks = sample_loop(job, count);
    uint64_t theirs = before - atomic_load(&pair.theirs[0].count);
    if (theirs == count)
        return ticks;
    job->result.inexact = true;
    return theirs ? ticks * 2 * count / (count + theirs) : SAMPLE_VOID;
}

static void set_futex(struct bench_call *call, int operation, _Atomic uint32_t *word, long value)
{
    const long arguments[6] = {(long)word, operation, value};
    call_set(call, pair.job.door, CALL_FUTEX, arguments);
    call->word = word;
}

static void hand_off(unsigned index, void *context)
{
    (void)context;
    if (index == 1) {
        if (!word_wait(&pair.ping, 1, TIME_LIMIT))
            return;
        atomic_store(&pair.ping, 0);
        pair.job.loop(pair.theirs, UINT64_MAX); // until the other one sets the count
        return;
    }
    measure(&pair.job, 1);
    atomic_store(&pair.theirs[0].count, 1);
    atomic_store(&pair.ping, 1);
    word_wake(&pair.ping);
}

static void take_turns(unsigned index, void *context)
{
    (void)context;
    if (index == 1) {
        pair.job.loop(pair.theirs, UINT64_MAX);
        return;
    }
    // Linux lets a new thread run less often at first.
    for (int i = 0; i < 100000 && atomic_load(&pair.theirs[0].count) - 1 > UINT64_MAX - 2000; i++)
        sched_yield();
    measure(&pair.job, 1);
    atomic_store(&pair.theirs[0].count, 1);
}

static bool left_behind; // threads that did not end, and still use the pair and the CPU

// Runs the job in the first of two threads on this CPU.
static void run_pair(const char *name, void (*work)(unsigned, void *))
{
    const int cpus[2] = {bench.cpu, bench.cpu};
    uint64_t ticks;
    struct result late = {.absent = "two threads did not come to their end in time"};
    enum door door = pair.job.door;
    if (!pair.job.result.absent)
        left_behind = !crew_run(cpus, 2, work, NULL, TIME_LIMIT, &ticks);
    record_call(name, door, left_behind ? &late : &pair.job.result);
}

static void futex_handoff(const char *name, enum door door)
{
    pair = (struct pair){.job = job_of(door, &handoff_loops, pair.mine)};
    pair.job.empty = empty_pair;
    pair.job.nop_calls = pair.nop;
    pair.job.turns = turns(500, 100);
    pair.job.expected = EXPECT_ANY; // a wait may find the word set, and say so
    set_futex(&pair.mine[0], FUTEX_WAKE_PRIVATE, &pair.ping, 1);
    set_futex(&pair.mine[1], FUTEX_WAIT_PRIVATE, &pair.pong, 0);
    set_futex(&pair.theirs[0], FUTEX_WAKE_PRIVATE, &pair.pong, 1);
    set_futex(&pair.theirs[1], FUTEX_WAIT_PRIVATE, &pair.ping, 0);
    pair.nop[0].word = pair.nop[1].word = &pair.word; // with one word it waits for nobody
    run_pair(name, hand_off);
}

static void yield_between_two(const char *name, enum door door)
{
    pair = (struct pair){.job = job_of(door, &shared_loops, pair.mine)};
    pair.job.sample = sample_yields;
    pair.job.empty = empty_pair;
    pair.job.nop_calls = pair.nop;
    pair.job.turns = turns(500, 100);
    pair.job.calls_per_turn = 2; // there and back: two switches
    call_set(&pair.mine[0], door, CALL_YIELD, NULL);
    call_set(&pair.theirs[0], door, CALL_YIELD, NULL);
    run_pair(name, take_turns);
}

static void by_each_door(const char *name, void (*run)(const char *name, enum door door))
{
    const struct result disturbed = {.absent = "two threads before it did not come to their end"};
    for (enum door door = 0; door < DOORS; door++)
        if (left_behind)
            record_call(name, door, &disturbed);
        else
            run(name, door);
}

// Two threads come last: should they never end, there is nothing that they disturb.
void bench_calls(void)
{
    simple_calls();
    map_touch_unmap();
    page_fault();
    thread_create_join();
    by_each_door("futex handoff", futex_handoff);
    by_each_door("sched_yield", yield_between_two);
}
