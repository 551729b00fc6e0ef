// What open, openat, close, fstat, newfstatat and readlink answer to bad input.

#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pointers.h"

#define EMPTY_PATH 0x1000 /* AT_EMPTY_PATH */

static char long_path[PATH_MAX + 1], below_self[PATH_MAX];
static struct stat status;

static bool closes(long fd)
{
    return sys(close, fd) == 0;
}

static void test_open(const char *self)
{
    char *at_edge = edge(9);

    faults(sys(open, bad, O_RDONLY), "open of a bad path pointer is EFAULT");
    faults(sys(openat, AT_FDCWD, bad, O_RDONLY), "openat of a bad path pointer is EFAULT");
    memcpy(at_edge, "/dev/nulx", 9);
    is(sys(open, at_edge, O_RDONLY), -EFAULT, "open of a path that runs over an edge is EFAULT");
    memcpy(edge(10), "/dev/null", 10);
    ok(closes(sys(open, edge(10), O_RDONLY)), "open of a path up to the edge succeeds");
    is(sys(open, "", O_RDONLY), -ENOENT, "open of the empty path is ENOENT");
    is(sys(open, "/no/such/file", O_RDONLY), -ENOENT, "open of what does not exist is ENOENT");
    is(sys(open, "/dev/no-such-device", O_RDONLY), -ENOENT, "open of no device is ENOENT");
    is(sys(open, below_self, O_RDONLY), -ENOTDIR, "open of a file's child is ENOTDIR");
    is(sys(open, self, O_RDONLY | O_DIRECTORY), -ENOTDIR, "O_DIRECTORY of a file is ENOTDIR");
    is(sys(open, "/", O_WRONLY), -EISDIR, "open of a directory for writing is EISDIR");
    is(sys(open, "/", O_RDWR), -EISDIR, "open of a directory for reading and writing is EISDIR");
    is(sys(open, self, O_RDONLY | O_CREAT | O_EXCL, 0600), -EEXIST,
       "O_CREAT | O_EXCL of what exists is EEXIST");
    is(sys(open, long_path, O_RDONLY), -ENAMETOOLONG, "open of PATH_MAX bytes is ENAMETOOLONG");
    is(sys(openat, -1, "x", O_RDONLY), -EBADF, "openat below no descriptor is EBADF");
    is(sys(openat, 999, "x", O_RDONLY), -EBADF, "openat below a closed descriptor is EBADF");
    ok(closes(sys(openat, -1, "/dev/null", O_RDONLY)),
       "openat of an absolute path ignores the descriptor");
}

static void test_openat_below(int self)
{
    long root = sys(open, "/", O_RDONLY | O_DIRECTORY);

    is(sys(openat, self, "x", O_RDONLY), -ENOTDIR, "openat below a file is ENOTDIR");
    is(sys(openat, root, "no-such", O_RDONLY), -ENOENT, "openat of no child is ENOENT");
    ok(closes(sys(openat, root, "dev/null", O_RDONLY)), "openat finds a grandchild");
    sys(close, root);
}

static void test_close(void)
{
    long fd = sys(open, "/dev/null", O_RDONLY), next;

    not_open(sys(close, fd), "close of what is not open is EBADF");
    is(sys(close, fd), 0, "close of what is open is 0");
    is(sys(close, fd), -EBADF, "close of what was closed is EBADF");
    next = sys(open, "/dev/null", O_RDONLY);
    is(next, fd, "open takes the lowest free descriptor");
    sys(close, next);
}

/* Opens until it is refused. */
static void test_too_many(void)
{
    struct rlimit limit = {0};
    long fd, highest = -1, first = -1;

    sys(prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    while ((fd = sys(open, "/dev/null", O_RDONLY)) >= 0) {
        if (first < 0)
            first = fd;
        highest = fd;
    }
    is(fd, -EMFILE, "open of one too many is EMFILE");
    is(highest + 1, limit.rlim_cur, "EMFILE comes where RLIMIT_NOFILE says");
    while (highest >= first)
        sys(close, highest--);
    fd = sys(open, "/dev/null", O_RDONLY);
    is(fd, first, "after EMFILE, closing makes room again");
    sys(close, fd);
}

static void test_stat(const char *path, int self)
{
    struct stat other;
    long null = sys(open, "/dev/null", O_RDONLY);

    not_open(sys(fstat, fd, &status), "fstat of what is not open is EBADF");
    faults_on_write(sys(fstat, self, bad), "fstat into a bad buffer is EFAULT");
    is(sys(fstat, self, edge(sizeof(status) - 1)), -EFAULT, "fstat over an edge is EFAULT");
    is(sys(fstat, null, &status), 0, "fstat of /dev/null succeeds");
    ok(S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3),
       "/dev/null is character device 1:3");
    is(sys(fstat, self, &status), 0, "fstat of the program succeeds");
    ok(S_ISREG(status.st_mode) && (status.st_mode & 0111) && status.st_size > 4096,
       "the program is a regular, executable file of more than a page");
    is(sys(newfstatat, AT_FDCWD, path, &other, 0), 0, "newfstatat of the program succeeds");
    ok(other.st_ino == status.st_ino && other.st_size == status.st_size,
       "fstat and newfstatat agree");
    is(sys(newfstatat, self, "", &other, EMPTY_PATH), 0, "AT_EMPTY_PATH means the descriptor");
    ok(other.st_ino == status.st_ino, "AT_EMPTY_PATH tells what fstat tells");
    is(sys(newfstatat, self, "", &other, 0), -ENOENT,
       "the empty path without AT_EMPTY_PATH is ENOENT");
    is(sys(newfstatat, AT_FDCWD, path, &other, 0x40000000), -EINVAL,
       "newfstatat with an unknown flag is EINVAL");
    faults(sys(newfstatat, AT_FDCWD, bad, &other, 0), "newfstatat of a bad path is EFAULT");
    faults_on_write(sys(newfstatat, AT_FDCWD, path, bad, 0),
                    "newfstatat into a bad buffer is EFAULT");
    is(sys(newfstatat, -1, "x", &other, 0), -EBADF, "newfstatat below no descriptor is EBADF");
    is(sys(newfstatat, self, "x", &other, 0), -ENOTDIR, "newfstatat below a file is ENOTDIR");
    is(sys(newfstatat, AT_FDCWD, "/no/such", &other, 0), -ENOENT,
       "newfstatat of what does not exist is ENOENT");
    sys(close, null);
}

static void test_readlink(const char *self)
{
    char target[64];

    is(sys(readlink, self, target, sizeof(target)), -EINVAL, "readlink of a file is EINVAL");
    is(sys(readlink, "/", target, sizeof(target)), -EINVAL, "readlink of a directory is EINVAL");
    is(sys(readlink, "/no/such", target, sizeof(target)), -ENOENT,
       "readlink of what does not exist is ENOENT");
    is(sys(readlink, below_self, target, sizeof(target)), -ENOTDIR,
       "readlink of a file's child is ENOTDIR");
    is(sys(readlink, self, target, 0), -EINVAL, "readlink into no bytes is EINVAL");
    is(sys(readlink, self, target, -1), -EINVAL, "readlink into -1 bytes is EINVAL");
    faults(sys(readlink, bad, target, sizeof(target)), "readlink of a bad path is EFAULT");
    is(sys(readlink, "", target, sizeof(target)), -ENOENT, "readlink of the empty path is ENOENT");
}

int main(int argc, char *argv[])
{
    int self = open(argv[0], O_RDONLY);

    (void)argc;
    make_bad_pointers();
    memset(long_path, '/', PATH_MAX);
    strncat(below_self, argv[0], PATH_MAX - 3);
    strcat(below_self, "/x");
    plan(53);
    ok(self >= 0, "the program itself opens");
    test_open(argv[0]);
    test_openat_below(self);
    test_close();
    test_too_many();
    test_stat(argv[0], self);
    test_readlink(argv[0]);
    return done();
}
