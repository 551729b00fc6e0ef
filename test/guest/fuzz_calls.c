// Random calls of all numbers, by both doors, in many threads and processes that change the memory under
// each other's calls, fork, exec and kill each other. A supervisor makes them in rounds. At the end of
// each it kills whoever is left, waits until the last one has gone, and has as much free memory as before.
//   fuzz_calls --seconds N [--seed N] [--threads N]

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "fuzz_worker.h"

#define THREADS    4          /* of a process, that make calls */
#define ROUND_NAPS (2 * LIFE) /* then those that are left are killed */
#define SETTLED    200        /* naps without a change in free memory */
#define SAY_EACH   10         /* seconds */

static struct {
    long rounds, ended, killed, died, calls, errors;
} seen;

static long free_bytes(void)
{
    struct sysinfo info;

    return sys(sysinfo, &info) ? -1 : (long)(info.freeram * info.mem_unit);
}

static void error(const char *what, long value)
{
    printf("error: round %ld: %s %ld\n", seen.rounds, what, value);
    fflush(stdout);
    seen.errors++;
}

/* Of those that have ended; false when there are no others. */
static bool reap(void)
{
    int status = 0;
    long pid;

    while ((pid = sys(wait4, -1, &status, WNOHANG, NULL)) > 0) {
        int code = status >> 8 & 255;

        seen.ended += status == 0 || (!(status & 127) && code < ENDED_WELL);
        seen.killed += (status & 127) == SIGKILL;
        seen.died += (status & 127) && (status & 127) != SIGKILL;
        seen.errors += !(status & 127) && code == FOUND_ERROR;
        if (!(status & 127) && code >= ENDED_WELL) {
            seen.ended++;
            seen.calls += (code - ENDED_WELL) * CALLS_A_STATUS;
        }
    }
    return pid == 0;
}

/* The id that the next process or thread would have had: they are given out in order. */
static long next_id(void)
{
    int status;
    long pid = sys(fork);

    if (pid == 0)
        sys(exit_group, 0);
    if (pid > 0)
        sys(wait4, pid, &status, 0, NULL);
    return pid;
}

/* Until nobody is left who was born in this round: whoever lives is killed, again and again. */
static bool end_all(long first)
{
    long left = 0;

    for (int turn = 0; turn < TURNS; turn++) {
        long after = next_id();

        left = 0;
        for (long id = first; id < after; id++)
            if (sys(kill, id, SIGKILL) == 0)
                left = id;
        if (!reap() && !left && after > 0)
            return true;
        nap();
    }
    error("this one cannot be ended:", left);
    return false;
}

/* The last of them may still be on their way out. The first round says how much memory there is: it has
 * touched what pages of our own there are to touch. */
static void settle(long *memory)
{
    if (seen.rounds == 0) {
        for (int same = 0; same < SETTLED; same++) {
            long now = free_bytes();

            same = now == *memory ? same : 0;
            *memory = now;
            nap();
        }
        return;
    }
    for (int turn = 0; turn < TURNS && free_bytes() != *memory; turn++)
        nap();
    if (free_bytes() != *memory)
        error("bytes of memory lost:", *memory - free_bytes());
}

static bool play_round(uint64_t seed, int processes, long *memory)
{
    long first = next_id();

    first_id = first;
    for (int i = 0; i < processes; i++) {
        uint64_t its_seed = next_random(&seed);
        long pid = sys(fork);

        if (pid == 0)
            process(its_seed, THREADS);
        if (pid < 0 && pid != -ENOMEM)
            error("fork:", pid);
    }
    for (int turn = 0; turn < ROUND_NAPS && reap(); turn++)
        nap();
    if (!end_all(first))
        return false;
    settle(memory);
    seen.rounds++;
    return true;
}

static void say(uint64_t seed)
{
    printf("# fuzz_calls: seed %#lx: %ld rounds; %ld processes ended, %ld were killed, %ld died of "
           "faults and signals\n",
           (unsigned long)seed, seen.rounds, seen.ended, seen.killed, seen.died);
    fflush(stdout);
}

static void supervise(uint64_t seed, long seconds, int processes)
{
    struct timespec now;
    long start, said, memory = 0;

    clock_gettime(CLOCK_MONOTONIC, &now);
    start = said = now.tv_sec;
    do {
        uint64_t its_seed = seed + (uint64_t)seen.rounds;

        if (!play_round(next_random(&its_seed), processes, &memory))
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= said + SAY_EACH) {
            said = now.tv_sec;
            say(seed);
        }
    } while (now.tv_sec < start + seconds && !seen.errors);
}

int main(int argc, char **argv)
{
    uint64_t seed = 0;
    long seconds = 0, threads = 0;

    both_doors = door_is_open(DOOR_INT) && door_is_open(DOOR_SYSCALL);
    door = door_is_open(DOOR_SYSCALL) ? DOOR_SYSCALL : DOOR_INT;
    if (argc == 4 && strcmp(argv[1], "worker") == 0) {
        depth = atoi(argv[3]);
        first_id = sys(getpid);
        process(strtoul(argv[2], NULL, 16), depth < DEPTH ? THREADS : 1);
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0)
            seconds = atol(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoul(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--threads") == 0)
            threads = atol(argv[i + 1]);
    }
    if (seconds <= 0 || !on_sallyport()) { /* elsewhere it might end what is not its own */
        fputs("usage, on Sallyport: fuzz_calls --seconds N [--seed N] [--threads N]\n", stderr);
        return 2;
    }
    if (!seed)
        sys(getrandom, &seed, 4, 0);
    if (threads <= 0) { /* two for each CPU; not more than a host with few processors can bear */
        threads = 2 * sysconf(_SC_NPROCESSORS_ONLN);
        threads = threads < 8 ? 8 : threads > 32 ? 32 : threads;
    }
    printf("fuzz_calls: seed %#lx, %ld threads\n", (unsigned long)seed, threads);
    fflush(stdout);
    plan(1);
    supervise(seed, seconds, threads < THREADS ? 1 : (int)(threads / THREADS));
    say(seed);
    note("calls, at least:", seen.calls);
    ok(seen.errors == 0 && seen.calls > 0, "no call broke a promise, and nobody stayed behind");
    return done();
}
