/* Starts another program the way posix_spawn does, with no pipe: the child borrows our memory until
 * it has become that program, while this thread stands still (CLONE_VFORK). Wants _GNU_SOURCE. */
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"

struct spawn {
    const char *path;
    char *const *argv, *const *envp;
    long error; /* what execve answered, when it came back */
};

static char spawn_stack[16384] __attribute__((aligned(16)));

static inline int spawn_child(void *arg)
{
    struct spawn *spawn = arg;

    spawn->error = sys(execve, spawn->path, spawn->argv, spawn->envp);
    _exit(127);
}

/* The child's process id, or the negative errno of clone or execve; then no child is left. */
static inline long spawn(const char *path, char *const argv[], char *const envp[])
{
    struct spawn s = {path, argv, envp, 0};
    int pid =
        clone(spawn_child, spawn_stack + sizeof(spawn_stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &s);

    if (pid < 0)
        return -errno;
    if (s.error) {
        sys(wait4, pid, NULL, 0, NULL);
        return s.error;
    }
    return pid;
}

/* Splits "/test/doors,both" in place into a program's arguments; at most seven. */
static inline void split_words(char *words, char *argv[8])
{
    int argc = 0;

    while (argc < 7) {
        argv[argc++] = words;
        while (*words && *words != ',')
            words++;
        if (!*words)
            break;
        *words++ = 0;
    }
    argv[argc] = NULL;
}
