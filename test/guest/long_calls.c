// A load for irqsoff=on: calls whose arguments are as long as they may be: strings of exec, reads and
// writes, lists of buffers, paths, structures, a robust list with each entry in a page of its own.

#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "ktap.h"

enum {
    PAGE = 4096,
    BUFFER = 64 << 20,
    STRINGS = 4096, /* that exec takes, of arguments and of environment each */
    STRING = 128 << 10,
    ROBUST = 2048, /* entries that the kernel follows */
    VECTORS = 1024,
    CONSOLE = 16 << 10, /* more is only noise in the log: a write of it is cut short */
};

static char *buffer;
static char **strings; /* STRINGS of them, and NULL */
static struct iovec vectors[VECTORS];

static char *map(size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Each string has so many bytes, and each lies in pages of its own. */
static long exec_with_strings(size_t length, long count, char *program)
{
    const size_t stride = (length + PAGE) & ~(size_t)(PAGE - 1);
    char *texts = map((size_t)count * stride);
    char *const argv[] = {program, "0", NULL};
    int status = 1;

    for (long i = 0; i < count; i++) {
        strings[i] = texts + (size_t)i * stride;
        memset(strings[i], 'x', length);
        if (i == 0)
            memcpy(strings[0], "0", 2); /* argv[0] is the sign to end at once */
    }
    strings[count] = NULL;
    long child = sys(fork);
    if (child == 0) {
        sys(execve, program, strings, strings); /* E2BIG, perhaps */
        sys(execve, program, argv, strings);
        sys(execve, program, argv, argv + 2);
        sys(exit_group, 2);
    }
    sys(wait4, child, &status, 0, NULL);
    sys(munmap, texts, (size_t)count * stride);
    return status;
}

/* The kernel's and libc's: a list, the futex word's distance, and the entry in the making. */
static struct robust_list_head head;

static long end_with_robust_list(void)
{
    char *pages = map((size_t)ROBUST * PAGE);
    struct robust_list *last = &head.list;
    int status = 1;

    long child = sys(fork);
    if (child == 0) {
        head.futex_offset = 16;
        for (long i = 0; i < ROBUST; i++) {
            last = last->next = (void *)(pages + i * PAGE);
            *(int *)((char *)last + 16) = (int)sys(gettid) | (int)FUTEX_WAITERS;
        }
        last->next = &head.list;
        sys(set_robust_list, &head, sizeof(head));
        sys(exit_group, 0);
    }
    sys(wait4, child, &status, 0, NULL);
    sys(munmap, pages, (size_t)ROBUST * PAGE);
    return status;
}

static void fill_vectors(size_t length)
{
    for (int i = 0; i < VECTORS; i++)
        vectors[i] = (struct iovec){buffer + (size_t)i * length, length};
}

/* All calls that take a path, with the longest there is. */
static void look_up(const char *path)
{
    struct stat status;

    sys(open, path, O_RDONLY);
    sys(openat, AT_FDCWD, path, O_RDONLY);
    sys(stat, path, &status);
    sys(lstat, path, &status);
    sys(access, path, R_OK);
    sys(newfstatat, AT_FDCWD, path, &status, 0);
    sys(readlink, path, buffer, PAGE);
    sys(execve, path, NULL, NULL);
}

static const char *repeat(const char *part)
{
    static char path[PATH_MAX];

    for (size_t at = 0; at < sizeof(path) - 1; at++)
        path[at] = part[at % strlen(part)];
    path[PATH_MAX - 1] = 0;
    return path;
}

int main(int argc, char *argv[])
{
    if (argc < 1 || *argv[0] == '0' || argc > 1)
        return 0;
    plan(10);
    buffer = map(BUFFER);
    strings = (char **)map((STRINGS + 1) * sizeof(*strings));

    is(exec_with_strings(15, STRINGS, argv[0]), 0, "as many strings as exec takes");
    is(exec_with_strings(0, STRINGS, argv[0]), 0, "as many empty ones");
    is(exec_with_strings(STRING - 64, 1, argv[0]), 0, "one that is as long as may be");
    is(exec_with_strings(STRING - 1, 256, argv[0]), 0, "many that are as long as may be");

    int zero = (int)sys(open, "/dev/zero", O_RDWR), null = (int)sys(open, "/dev/null", O_RDWR);
    int random = (int)sys(open, "/dev/urandom", O_RDONLY), file = (int)sys(open, argv[0], O_RDONLY);
    ok(zero >= 0 && null >= 0 && random >= 0 && file >= 0, "files and devices are there");
    sys(read, zero, buffer, BUFFER);
    sys(write, null, buffer, BUFFER);
    sys(write, zero, buffer, BUFFER);
    sys(getrandom, buffer, BUFFER, 0);
    sys(read, random, buffer, BUFFER);
    sys(madvise, buffer, BUFFER, MADV_DONTNEED);
    sys(read, file, buffer, BUFFER); /* into pages that are not there yet */
    sys(pread64, file, buffer, BUFFER, 0);
    fill_vectors(BUFFER / VECTORS);
    sys(readv, zero, vectors, VECTORS);
    sys(lseek, file, 0, SEEK_SET);
    sys(readv, file, vectors, VECTORS);
    sys(writev, null, vectors, VECTORS);
    memset(buffer, '.', CONSOLE);
    sys(write, 1, buffer, CONSOLE);
    sys(write, 1, "\n", 1);
    fill_vectors(1);
    sys(writev, 1, vectors, VECTORS);
    memset(buffer, '\n', CONSOLE);
    sys(write, 1, buffer, 256); /* each scrolls the screen */
    ok(true, "the longest reads and writes come back");

    look_up(repeat("/"));
    look_up(repeat("/."));
    look_up(repeat("/bin/.."));
    look_up(repeat("/no"));
    look_up(repeat("x"));
    ok(true, "the longest paths are looked up");

    memset(buffer, 0, 2 * PAGE);
    *(long *)buffer = CLONE_THREAD; /* and not CLONE_VM */
    is(sys(clone3, buffer, PAGE), -EINVAL,
       "a structure of a page that asks for what is not is EINVAL");
    buffer[PAGE - 1] = 1;
    is(sys(clone3, buffer, PAGE), -E2BIG, "one that says something at its end is E2BIG");
    memset(buffer, 0xff, PAGE);
    for (int i = 0; i < 16; i++)
        sys(sched_setaffinity, 0, PAGE, buffer), sys(sched_getaffinity, 0, PAGE, buffer + PAGE);
    is(end_with_robust_list(), 0, "a robust list of the full length is walked at the end");
    return done();
}
