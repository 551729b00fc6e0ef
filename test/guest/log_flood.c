// Three ways to fill the log: signals that are refused, programs that are none, processes that fault. How
// much of it comes out is for test/boot to count.
// args: 50 /dev/sallyport

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"

static void handler(int signal)
{
    (void)signal;
}

int main(int argc, char *argv[])
{
    const char *no_program = argv[2];
    int times = argc > 2 ? atoi(argv[1]) : 0, refused = 0, not_run = 0, ended = 0, status;

    plan(3);
    signal(SIGUSR1, handler);
    for (int i = 0; i < 100 * times; i++)
        refused += sys(kill, getpid(), SIGUSR1) == -ENOSYS;
    is(refused, 100 * times, "signals are refused");
    for (int i = 0; i < times; i++)
        not_run += sys(execve, no_program, argv, NULL) < 0;
    is(not_run, times, "programs are refused");
    for (int i = 0; i < times; i++) {
        pid_t child = fork();

        if (child == 0)
            __builtin_trap();
        ended += waitpid(child, &status, 0) == child && WIFSIGNALED(status);
    }
    is(ended, times, "processes are ended");
    return done();
}
