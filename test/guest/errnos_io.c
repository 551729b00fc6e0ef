// What read, write, readv, writev, lseek and ioctl answer to bad input: the errno Linux gives, and
// whatever part of the work Linux would have done.

#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pointers.h"

static char buffer[64];

static bool all_are(const char *bytes, size_t size, char value)
{
    while (size && bytes[size - 1] == value)
        size--;
    return size == 0;
}

static void test_descriptors(int self, int write_only)
{
    not_open(sys(read, fd, buffer, 1), "read from what is not open is EBADF");
    not_open(sys(write, fd, buffer, 1), "write to what is not open is EBADF");
    not_open(sys(readv, fd, NULL, 0), "readv from what is not open is EBADF");
    not_open(sys(writev, fd, NULL, 0), "writev to what is not open is EBADF");
    not_open(sys(lseek, fd, 0, SEEK_SET), "lseek in what is not open is EBADF");
    not_open(sys(ioctl, fd, 0x5401, buffer), "ioctl on what is not open is EBADF");
    is(sys(write, self, buffer, 1), -EBADF, "write through a read-only descriptor is EBADF");
    is(sys(read, write_only, buffer, 1), -EBADF, "read through a write-only descriptor is EBADF");
}

static void test_read(int self, int zero)
{
    char *tail = edge(16);

    faults_on_write(sys(read, zero, bad, 16), "read of /dev/zero into a bad buffer is EFAULT");
    faults_on_write(sys(read, self, bad, 16), "read of a file into a bad buffer is EFAULT");
    is(sys(lseek, self, 0, SEEK_CUR), 0, "a read that failed has not moved the file position");
    memset(tail, 'x', 16);
    is(sys(read, zero, tail, 32), 16, "read of /dev/zero over a mapping's edge gives what fits");
    ok(all_are(tail, 16, 0), "read over an edge fills exactly what fits");
    is(sys(read, self, tail, 32), 16, "read of a file over a mapping's edge gives what fits");
    ok(memcmp(tail, "\177ELF", 4) == 0, "read over an edge begins with the first bytes");
    is(sys(lseek, self, 0, SEEK_CUR), 16, "read over an edge moves the file position as far");
    is(sys(read, zero, tail, -1), -EFAULT, "read of 2^64 - 1 bytes is EFAULT");
    is(sys(read, zero, tail, 1L << 47), -EFAULT, "read beyond user space is EFAULT");
    is(sys(read, zero, NULL, 0), 0, "read of no bytes needs no buffer");
    is(sys(read, zero | 1L << 32, buffer, 1), 1, "bits 63:32 of a descriptor are ignored");
    sys(lseek, self, 0, SEEK_END);
    is(sys(read, self, buffer, 1), 0, "read at a file's end is 0");
    sys(lseek, self, 1L << 40, SEEK_SET);
    is(sys(read, self, buffer, 1), 0, "read far beyond a file's end is 0");
    sys(lseek, self, 0, SEEK_SET);
}

static void test_write(bool console, int null)
{
    faults(sys(write, 1, bad, 16), "write from a bad buffer is EFAULT");
    memcpy(edge(2), "#\n", 2);
    is(sys(write, 1, edge(2), -1), -EFAULT, "write of 2^64 - 1 bytes is EFAULT");
    is(sys(write, 1, edge(2), 1L << 47), -EFAULT, "write from beyond user space is EFAULT");
    is(sys(write, 1, NULL, 0), 0, "write of no bytes needs no buffer");
    is(sys(write, null, buffer, sizeof(buffer)), sizeof(buffer), "/dev/null takes all");
    if (console) {
        memcpy(edge(2), "#\n", 2);
        is(sys(write, 1, edge(2), 8), -EFAULT,
           "write over a mapping's edge is EFAULT, all or none");
    } else {
        skip("write over a mapping's edge is EFAULT, all or none", "a file takes the first part");
    }
}

static void test_vectors(int self, int zero, int null, bool console)
{
    char first[4], second[12];
    struct iovec two[2] = {{first, 4}, {second, 12}};
    struct iovec half_bad[2] = {{buffer, 4}, {NULL, 4}};
    struct iovec negative[1] = {{buffer, (size_t)-1}};
    struct iovec *at_edge = edge(sizeof(struct iovec));
    char expected[16];

    faults(sys(readv, zero, bad, 1), "readv with its vector at a bad address is EFAULT");
    faults(sys(writev, null, bad, 1), "writev with its vector at a bad address is EFAULT");
    at_edge[0] = (struct iovec){buffer, 1};
    is(sys(readv, zero, at_edge, 2), -EFAULT, "readv with its vector over an edge is EFAULT");
    faults_on_write(sys(readv, zero, (&(struct iovec){bad, 4}), 1),
                    "readv into a bad buffer is EFAULT");
    faults(sys(writev, 1, (&(struct iovec){bad, 4}), 1), "writev from a bad buffer is EFAULT");
    is(sys(readv, zero, two, -1), -EINVAL, "readv with -1 vectors is EINVAL");
    is(sys(readv, zero, two, 1025), -EINVAL, "readv with 1025 vectors is EINVAL");
    is(sys(writev, null, two, 1025), -EINVAL, "writev with 1025 vectors is EINVAL");
    is(sys(readv, zero, negative, 1), -EINVAL, "readv of a negative length is EINVAL");
    is(sys(writev, null, negative, 1), -EINVAL, "writev of a negative length is EINVAL");
    is(sys(readv, zero, NULL, 0), 0, "readv with no vector is 0");
    is(sys(writev, null, NULL, 0), 0, "writev with no vector is 0");
    is(sys(writev, null, two, 2), 16, "writev counts all its vectors");
    sys(lseek, self, 0, SEEK_SET);
    sys(read, self, expected, 16);
    sys(lseek, self, 0, SEEK_SET);
    is(sys(readv, self, two, 2), 16, "readv counts all its vectors");
    ok(memcmp(first, expected, 4) == 0 && memcmp(second, expected + 4, 12) == 0,
       "readv fills its vectors in order");
    sys(lseek, self, 0, SEEK_SET);
    is(sys(readv, self, half_bad, 2), 4, "readv stops at the first bad vector");
    is(sys(lseek, self, 0, SEEK_CUR), 4, "readv moves the file position as far as it came");
    memcpy(buffer, "#..\n", 4);
    if (console)
        is(sys(writev, 1, half_bad, 2), -EFAULT, "writev with one bad vector writes none");
    else
        skip("writev with one bad vector writes none", "a file takes the first part");
}

static void test_lseek_and_ioctl(int self, bool console)
{
    struct stat status;

    sys(lseek, self, 10, SEEK_SET);
    is(sys(lseek, self, 0, 99), -EINVAL, "lseek from an unknown origin is EINVAL");
    is(sys(lseek, self, 0, -1), -EINVAL, "lseek from origin -1 is EINVAL");
    is(sys(lseek, self, -1, SEEK_SET), -EINVAL, "lseek before a file's start is EINVAL");
    is(sys(lseek, self, -11, SEEK_CUR), -EINVAL,
       "lseek before a file's start, relative, is EINVAL");
    is(sys(lseek, self, 0x7fffffffffffffff, SEEK_CUR), -EINVAL,
       "lseek whose sum overflows is EINVAL");
    is(sys(lseek, self, 0, SEEK_CUR), 10, "an lseek that failed has moved nothing");
    sys(fstat, self, &status);
    is(sys(lseek, self, 0, SEEK_END), status.st_size, "SEEK_END tells the size that fstat tells");
    if (console)
        is(sys(lseek, 1, 0, SEEK_CUR), -ESPIPE, "lseek on standard output is ESPIPE");
    else
        skip("lseek on standard output is ESPIPE", "it is a file");
    is(sys(ioctl, self, 0x5401 /* TCGETS */, buffer), -ENOTTY, "TCGETS on a file is ENOTTY");
    is(sys(ioctl, self, 0xdeadbeef, buffer), -ENOTTY, "an unknown ioctl on a file is ENOTTY");
}

int main(int argc, char *argv[])
{
    int self = open(argv[0], O_RDONLY), zero = open("/dev/zero", O_RDONLY);
    int null = open("/dev/null", O_WRONLY), root = open("/", O_RDONLY | O_DIRECTORY);
    struct stat output;
    bool console = fstat(1, &output) == 0 && !S_ISREG(output.st_mode);

    (void)argc;
    make_bad_pointers();
    plan(58);
    ok(self >= 0 && zero >= 0 && null >= 0, "the program, /dev/zero and /dev/null open");
    test_descriptors(self, null);
    is(sys(read, root, buffer, 1), -EISDIR, "read of a directory is EISDIR");
    test_read(self, zero);
    test_write(console, null);
    test_vectors(self, zero, null, console);
    test_lseek_and_ioctl(self, console);
    return done();
}
