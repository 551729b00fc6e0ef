// Pages of a mapped file exist up to the one that its last byte lies in. What lies beyond is SIGBUS, or
// EFAULT to a call, wherever the mapping begins: before the end, at it, or beyond. Its arguments are
// files of various sizes; without any it is the program itself.

#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "attack.h"

enum { AROUND = 3 }; /* pages that are tried on each side of the end */

static char **files;
static int count;

/* How a child ends that touches it: 0, or the signal. */
static long touch(const volatile char *p)
{
    long pid = sys(fork);

    if (pid == 0) {
        (void)*p;
        sys(exit_group, 0);
    }
    return ends(pid);
}

/* As pointers.h asks it: EINVAL says that the eight bytes could be read. */
static long read_by_call(const volatile char *p)
{
    return sys(rt_sigprocmask, 99, p, NULL, 8);
}

static long write_by_call(volatile char *p)
{
    return sys(rt_sigprocmask, 0, NULL, p, 8);
}

static void wrong(const char *what, long from, long at, long got)
{
    static int said;

    if (said++ > 20)
        return;
    note(what, got);
    note("  mapped from page", from);
    note("  touched page", at);
}

/* Maps from page `from`, and looks at each page; how many of them are not as they must be. */
static int look(int fd, long from, long pages, long prot)
{
    int bad = 0;
    const long length = 2 * AROUND;
    char *p = (char *)sys(mmap, 0, length * PAGE, prot, MAP_PRIVATE, fd, from * PAGE);
    bool writable = prot & PROT_WRITE;

    if ((long)p < 0 && ++bad)
        wrong("mmap", from, from, (long)p);
    for (long i = 0; i < length && (long)p > 0; i++) {
        bool there = from + i < pages;
        long got = read_by_call(p + i * PAGE);

        if (got != (there ? -EINVAL : -EFAULT) && ++bad)
            wrong("read by a call:", from, from + i, got);
        got = touch(p + i * PAGE);
        if (got != (there ? 0 : SIGBUS) && ++bad)
            wrong("a read's end:", from, from + i, got);
        got = writable ? write_by_call(p + i * PAGE) : 0;
        if (writable && got != (there ? 0 : -EFAULT) && ++bad)
            wrong("written by a call:", from, from + i, got);
    }
    if ((long)p > 0)
        sys(munmap, p, length * PAGE);
    return bad;
}

/* The same when the mapping is cut, moved or grown until it begins beyond the end. */
static int look_at_rests(int fd, long pages)
{
    int bad = 0;
    const long length = pages + AROUND;
    char *p = (char *)sys(mmap, 0, length * PAGE, PROT_READ, MAP_PRIVATE, fd, 0), *moved;
    long got;

    sys(munmap, p, (pages + 1) * PAGE);
    if ((got = touch(p + (pages + 1) * PAGE)) != SIGBUS && ++bad)
        wrong("what munmap left:", 0, pages + 1, got);
    sys(mprotect, p + (pages + 2) * PAGE, PAGE, PROT_READ | PROT_WRITE);
    if ((got = touch(p + (pages + 2) * PAGE)) != SIGBUS && ++bad)
        wrong("what mprotect changed:", 0, pages + 2, got);
    moved = (char *)sys(mremap, p + (pages + 1) * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    for (int i = 0; i < 2; i++)
        if ((got = touch(moved + i * PAGE)) != SIGBUS && ++bad)
            wrong("what mremap moved and grew:", 0, pages + 1 + i, got);
    sys(munmap, moved, 2 * PAGE);
    sys(munmap, p, length * PAGE);
    return bad;
}

static void run(void)
{
    for (int i = 0; i < count; i++) {
        int fd = open(files[i], O_RDONLY), before = 0, beyond = 0, written = 0;
        struct stat status = {0};
        long pages;

        fstat(fd, &status);
        pages = (status.st_size + (long)PAGE - 1) / (long)PAGE;
        note("pages of the file:", pages);
        for (long from = pages < AROUND ? 0 : pages - AROUND; from < pages + AROUND; from++) {
            *(from < pages ? &before : &beyond) += look(fd, from, pages, PROT_READ);
            written += look(fd, from, pages, PROT_READ | PROT_WRITE);
        }
        beyond += look(fd, 1L << 30, pages, PROT_READ);
        ok(fd >= 0 && before == 0, "a mapping from before the end has the pages up to the end");
        is(beyond, 0, "a mapping from the end on, or beyond it, has none");
        is(written, 0, "nor if it may be written");
        is(look_at_rests(fd, pages), 0, "nor has what is left when it was cut, changed or moved");
        close(fd);
    }
}

int main(int argc, char **argv)
{
    files = argc > 1 ? argv + 1 : argv;
    count = argc > 1 ? argc - 1 : 1;
    return by_each_door(4 * count, run);
}
