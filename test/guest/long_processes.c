// A load for irqsoff=on: many processes that are killed and reaped one by one; that lose their parent,
// alive and as zombies; and that end with init. To be run as init. The argument: how many.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "ktap.h"

static long processes;
static int *pids;

static void sleep_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    sys(nanosleep, &time, NULL);
}

/* How many were made. */
static long make(bool zombies)
{
    for (long i = 0; i < processes; i++) {
        if ((pids[i] = (int)sys(fork)) < 0)
            return i;
        while (pids[i] == 0) {
            if (zombies)
                sys(exit_group, 0);
            sys(pause);
        }
    }
    return processes;
}

static long reap(long count)
{
    for (long i = 0; i < count; i++)
        if (sys(wait4, -1, NULL, 0, NULL) < 0)
            return i;
    return count;
}

/* Starts a process that has made all when it stops, and kills it. */
static bool lose(bool zombies)
{
    long parent = sys(fork);
    int status = 0;

    if (parent == 0)
        sys(exit_group, make(zombies) != processes);
    return sys(wait4, parent, &status, 0, NULL) == parent && status == 0;
}

int main(int argc, char *argv[])
{
    processes = argc > 1 ? atol(argv[1]) : 5000;
    pids = calloc((size_t)processes, sizeof(*pids));
    plan(5);
    is(make(false), processes, "the children are there");
    for (long i = 0; i < processes; i++)
        sys(kill, pids[i], SIGKILL);
    is(reap(processes), processes, "each is killed and reaped");
    ok(lose(true), "a parent of zombies ends");
    is(sys(wait4, -1, NULL, 0), -ECHILD, "they vanish with it, for orphans are not adopted");
    ok(lose(false), "a parent of so many ends, and they end with init");
    sleep_ms(100);
    return done();
}
