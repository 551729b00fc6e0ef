/* What `make run` shows: compare, then stress, one after the other; ends with the first status that is
 * not 0. */

#define _DEFAULT_SOURCE /* vfork */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char *const argv[])
{
    char *const environment[] = {NULL};
    int status;
    /* posix_spawn would want a pipe, which the kernel does not have. */
    pid_t child = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (child == 0) {
        execve(argv[0], argv, environment);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror(argv[0]);
        return 126;
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
