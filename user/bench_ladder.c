// The anatomy of a crossing: ever fuller stubs in the place of a door, and both ways in with both
// ways out. While a stub stands in `syscall` nothing may use that door: from the installation to the
// end there is the loop in assembly and no call of libc.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <unistd.h>

#include "bench_calls.h"

#define BATCHES 100

static const char *const rung_names[] = {
    [LAB_BARE] = "bare",   [LAB_SWAPGS] = "swapgs",     [LAB_STACK] = "stack",
    [LAB_FRAME] = "frame", [LAB_DISPATCH] = "dispatch", [LAB_REAL] = "real",
};
enum { RUNGS = LAB_REAL + 1, JOBS = DOORS * RUNGS };

static const char *why_not_installed(long error)
{
    switch (error) {
    case -EPERM:
        return "booted without lab=on";
    case -ENODEV: // the door itself is open, or it would not have come to this
        return "not with this build and these mitigations";
    case -EBUSY:
        return "another thread has the lab";
    default:
        return "no such stub in this kernel";
    }
}

static const char *lab_absent(void)
{
    if (!bench.doors.one_table)
        return "not on this kernel";
    return bench.lab ? NULL : "booted without lab=on";
}

// The real door again. Whether the stub stood all the time.
static inline bool gate_end(void)
{
    long stood;
    asm volatile("int %1" : "=a"(stood) : "i"(LAB_GATE_END) : "memory");
    return stood == 1;
}

static uint64_t sample_stub(struct job *job, uint64_t turns)
{
    long in = job->door == DOOR_INT ? LAB_INT : LAB_SYSCALL;
    long error = any_door() == DOOR_INT
                     ? door_int(SYS_LAB, LAB_INSTALL, in, job->rung, 0, 0, 0)
                     : door_syscall(SYS_LAB, LAB_INSTALL, in, job->rung, 0, 0, 0);
    if (error) {
        job->result.absent = why_not_installed(error);
        return SAMPLE_VOID;
    }
    uint64_t ticks = job->loop(job->calls, turns);
    if (!gate_end())
        return SAMPLE_VOID;
    if (job->expected != EXPECT_ANY && job->calls->result != job->expected)
        job->result.absent = "a stub gave a wrong result";
    return ticks;
}

static struct job job_of(enum door door, struct bench_call *call)
{
    return (struct job){
        .sample = sample_stub,
        .empty = empty_loop,
        .loop = door == DOOR_INT ? gate_loops.by[DOOR_INT] : call_loops.by[DOOR_SYSCALL],
        .nop = call_loops.nop,
        .calls = call,
        .door = door,
        .turns = bench.exact ? 200 : 1000,
        .calls_per_turn = 1,
        .samples = BATCHES,
        .result.absent = door_absent(door) ? door_absent(door) : lab_absent(),
    };
}

void bench_ladder(void)
{
    static struct bench_call calls[JOBS];
    struct job jobs[JOBS];
    for (unsigned i = 0; i < JOBS; i++) {
        enum lab_rung rung = i % RUNGS;
        jobs[i] = job_of(i / RUNGS, &calls[i]);
        jobs[i].rung = rung;
        jobs[i].expected = rung == LAB_REAL ? getpid() : rung == LAB_DISPATCH ? EXPECT_ANY : 0;
        if (rung == LAB_REAL) // below it the number is 0, and comes back
            call_set(&calls[i], jobs[i].door, CALL_GETPID, NULL);
    }
    measure(jobs, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        record_begin("ladder");
        record_number("cpu", bench.cpu);
        record_door(jobs[i].door);
        record_text("rung", rung_names[jobs[i].rung]);
        record_end(&jobs[i].result);
    }
}

void bench_ways(void)
{
    static struct bench_call calls[DOORS][2];
    struct job jobs[DOORS][2];
    for (unsigned door = 0; door < DOORS; door++) {
        for (unsigned crossed = 0; crossed < 2; crossed++) {
            struct job *job = &jobs[door][crossed];
            call_set(&calls[door][crossed], door, CALL_GETPID, NULL);
            *job = job_of(door, &calls[door][crossed]);
            job->rung = LAB_CROSSED;
            job->expected = getpid();
            if (!crossed) { // the real door needs no lab
                job->sample = sample_loop;
                job->loop = call_loops.by[door];
                job->result.absent = door_absent(door);
            }
        }
    }
    measure(&jobs[0][0], 2 * DOORS);
    for (unsigned door = 0; door < DOORS; door++) {
        for (unsigned crossed = 0; crossed < 2; crossed++) {
            record_begin("ways");
            record_number("cpu", bench.cpu);
            record_text("in", door == DOOR_INT ? "int" : "syscall");
            record_text("out", (door == DOOR_INT) != crossed ? "iretq" : "sysretq");
            record_end(&jobs[door][crossed].result);
        }
    }
}
