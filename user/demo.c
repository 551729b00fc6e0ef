/* What `make run` shows: compare, then stress, one after the other; ends with the first status that is
 * not 0. */

#define _GNU_SOURCE /* environ */
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char *const argv[])
{
    pid_t child;
    int status;
    int error = posix_spawn(&child, argv[0], NULL, NULL, argv, environ);
    if (error || waitpid(child, &status, 0) != child) {
        fprintf(stderr, "demo: %s: %s\n", argv[0], strerror(error));
        return 127;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
    char *const compare[] = {"/bin/compare", NULL};
    char *const stress[] = {"/bin/stress", "--seconds", "10", NULL};
    int status = run(compare);
    return status ? status : run(stress);
}
