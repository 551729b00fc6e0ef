// After a program has ended, however it ended, the machine has as much free memory as before it
// started, to the byte. Every argument is PROGRAM[,WORD...]; each is run three times. Linux, where
// much else goes on, makes no such promise: skipped there.

#define _GNU_SOURCE
#include <string.h>
#include <sys/sysinfo.h>

#include "spawn.h"

enum { RUNS = 3 };

static long free_bytes(void)
{
    struct sysinfo info;

    return sys(sysinfo, &info) ? -1 : (long)(info.freeram * info.mem_unit);
}

/* The bytes that a run of the program has cost for good. */
static long cost(char *const argv[], char *const envp[])
{
    int status;
    long before = free_bytes(), pid = spawn(argv[0], argv, envp);

    if (pid > 0)
        sys(wait4, pid, &status, 0, NULL);
    return pid > 0 ? before - free_bytes() : pid;
}

int main(int argc, char *argv[], char *envp[])
{
    char *words[8], sentence[200];

    plan(argc < 2 ? 1 : argc - 1);
    if (argc < 2)
        ok(false, "usage: leak PROGRAM[,WORD...] ...");
    for (int i = 1; i < argc; i++) {
        long lost = 0;

        split_words(argv[i], words);
        if (i == 1 && on_sallyport())
            cost(words, envp); /* pages of our own that are touched for the first time */
        for (int run = 0; run < RUNS && lost == 0 && on_sallyport(); run++)
            lost = cost(words, envp);
        memset(sentence, 0, sizeof(sentence));
        strncat(sentence, words[0], 100);
        strcat(sentence, " leaves as much free memory as it found");
        if (on_sallyport())
            is(lost, 0, sentence);
        else
            skip(sentence, "this is not Sallyport");
    }
    return done();
}
