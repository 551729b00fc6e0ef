// Runs programs one after another and checks how each ends. Every argument is
// PROGRAM[,WORD...]=ENDING[|ENDING...] where ENDING is an exit status or the name of a signal:
// /test/fault_ud=SIGILL /test/doors,both=0. What the programs print comes first, each under a line
// that names it; the verdicts follow.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ending.h"
#include "spawn.h"

struct run {
    char *argv[8];
    const char *expected;
    char ending[32];
};

static void run_program(struct run *run, char **envp)
{
    int status = 0;
    long pid;

    printf("# %s starts\n", run->argv[0]);
    fflush(stdout);
    pid = spawn(run->argv[0], run->argv, envp);
    if (pid < 0)
        snprintf(run->ending, sizeof(run->ending), "no start, errno %d", (int)-pid);
    else if (sys(wait4, pid, &status, 0, NULL) != pid)
        snprintf(run->ending, sizeof(run->ending), "no status");
    else
        name_ending(run->ending, status);
    printf("# %s ends: %s\n", run->argv[0], run->ending);
    fflush(stdout);
}

int main(int argc, char *argv[], char *envp[])
{
    struct run *runs = calloc((size_t)argc, sizeof(*runs));
    char sentence[256];

    if (argc < 2 || !runs) {
        fputs("usage: runner PROGRAM[,WORD...]=ENDING[|ENDING...] ...\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        char *equals = strrchr(argv[i], '=');

        if (equals)
            *equals = 0;
        runs[i].expected = equals ? equals + 1 : "0";
        split_words(argv[i], runs[i].argv);
        run_program(&runs[i], envp);
    }
    plan(argc - 1);
    for (int i = 1; i < argc; i++) {
        bool exits = strspn(runs[i].expected, "0123456789|") == strlen(runs[i].expected);

        snprintf(sentence, sizeof(sentence), "%s %s %s%s%s", runs[i].argv[0],
                 exits ? "exits with" : "ends by", runs[i].expected,
                 is_among(runs[i].ending, runs[i].expected) ? "" : " # got ",
                 is_among(runs[i].ending, runs[i].expected) ? "" : runs[i].ending);
        ok(is_among(runs[i].ending, runs[i].expected), sentence);
    }
    free(runs);
    return done();
}
