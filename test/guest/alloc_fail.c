// Runs each program again and again on a kernel in which one allocation of it fails, the first, the second
// and so on, until it has come to its end without a failure. However it ended, by an errno or by SIGKILL,
// the machine has as much free memory afterwards as before. Every argument is PROGRAM[,WORD...]=ENDING[|...]
// as runner takes it; only the run without a failure must end so. To be run as init, with alloc_fail=1.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "ending.h"
#include "spawn.h"

enum {
    PATIENCE_MS = 300, /* after a failure: who waits for a thread that he has not has to be ended */
    SETTLE_MS = 1000,  /* for orphans that are ending */
    PIDS = 200,        /* that a program and its descendants use at most, threads included */
    RUNS = 20000,
};

static struct sysinfo asked;

static const struct sysinfo *info(void)
{
    sys(sysinfo, &asked);
    return &asked;
}

static void sleep_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    sys(nanosleep, &time, NULL);
}

/* Also of those that it left behind. */
static void end_all(long pid)
{
    for (long n = pid; n < pid + PIDS; n++)
        sys(kill, n, SIGKILL);
}

/* How a run ended, as wait4 tells it; one that did not was killed. */
static int run(char *const argv[], char *const envp[])
{
    const unsigned long failed = info()->bufferram;
    int status = 0;
    long pid = spawn(argv[0], argv, envp);

    if (pid < 0) /* execve's own allocation failed */
        return pid == -ENOMEM ? 0 : (int)pid;
    for (long ms = 0; sys(wait4, pid, &status, WNOHANG, NULL) == 0;
         ms += info()->bufferram != failed) {
        if (ms == PATIENCE_MS) {
            end_all(pid);
            sys(wait4, pid, &status, 0, NULL);
            break;
        }
        sleep_ms(1);
    }
    end_all(pid + 1);
    return status;
}

int main(int argc, char *argv[], char *envp[])
{
    char *words[8], sentence[200], ending[32];

    setvbuf(stdout, NULL, _IOLBF, 0);
    plan(2 * (argc - 1));
    for (int i = 1; i < argc; i++) {
        char *expected = strrchr(argv[i], '=');
        int runs = 0, killed = 0, odd = 0;
        unsigned long lost = 0;
        bool hit = true, well = false;

        *expected++ = 0;
        split_words(argv[i], words);
        for (; hit && runs < RUNS && !lost; runs++) {
            const unsigned long free_before = info()->freeram, failed = info()->bufferram;
            int status = run(words, envp);

            hit = info()->bufferram != failed;
            for (int ms = 0; ms < SETTLE_MS && info()->freeram != free_before; ms++)
                sleep_ms(1);
            lost = free_before - info()->freeram;
            if (i == 1 && runs == 0)
                lost = 0; /* pages of our own that are touched for the first time */
            if (lost)
                printf("# lost %ld bytes by the failure of allocation %d\n", (long)lost, runs + 1);
            name_ending(ending, status);
            well = is_among(ending, expected);
            killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
            if (hit && !well && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
                printf("# ends by %s when allocation %d fails\n", ending, runs + 1);
                odd++;
            }
        }
        printf("# %s: %d runs, %d ended by SIGKILL\n", words[0], runs, killed);
        snprintf(sentence, sizeof(sentence), "%s leaves as much memory, whichever allocation fails",
                 words[0]);
        ok(lost == 0, sentence);
        snprintf(sentence, sizeof(sentence), "%s ends by an errno or SIGKILL, and in the end well",
                 words[0]);
        ok(!odd && !hit && well, sentence);
    }
    return done();
}
