// The channel (/dev/ttyS1, the second serial port) and /dev/sallyport. Without an argument there is no
// second port; `port`: there is; `talk`: and somebody at its other end, who first sends what we send
// back, and then does not listen for a while.

#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "pointers.h"

#define BLOCKS 300
#define TEXT   4096

static char text[TEXT], again[TEXT], pattern[256 * BLOCKS];

static void wait_a_moment(void)
{
    sys(nanosleep, (&(struct timespec){0, 10000000}), NULL);
}

// Byte i of the file, by reads of one size; what comes beyond the end counts too.
static long read_in_parts(size_t size)
{
    long fd = sys(open, "/dev/sallyport", O_RDONLY), got, total = 0;

    memset(again, 0, sizeof(again));
    while (total < TEXT - (long)size && (got = sys(read, fd, again + total, size)) > 0)
        total += got;
    sys(close, fd);
    return total;
}

static void test_about(void)
{
    long fd = sys(open, "/dev/sallyport", O_RDONLY | O_CLOEXEC), wrong = 0;
    long length = sys(read, fd, text, TEXT);
    struct iovec two[2] = {{again, 10}, {again + 10, TEXT - 10}};
    struct stat status;
    char part[7];

    ok(length > 100 && length < TEXT && text[length - 1] == '\n', "/dev/sallyport is a text");
    is(sys(read, fd, part, 1), 0, "and has an end");
    for (size_t size = 1; size < 300; size += 13)
        wrong += read_in_parts(size) != length || memcmp(text, again, (size_t)length) != 0;
    is(wrong, 0, "read in parts it is the same");
    for (long at = 0; at < length + 10; at++) {
        long left = at < length ? length - at : 0, want = left < 7 ? left : 7;

        wrong += sys(pread64, fd, part, sizeof(part), at) != want;
        wrong += memcmp(part, text + at, (size_t)want) != 0;
    }
    is(wrong, 0, "pread at every place finds what read found there");
    is(sys(lseek, fd, 0, SEEK_END), length, "lseek finds its end");
    is(sys(lseek, fd, -length, SEEK_END), 0, "and its beginning");
    memset(again, 0, sizeof(again));
    is(sys(readv, fd, two, 2), length, "readv reads it whole");
    is(memcmp(text, again, TEXT), 0, "and it is the same");
    is(sys(fstat, fd, &status), 0, "it has a stat");
    ok(S_ISREG(status.st_mode) && (status.st_mode & 0777) == 0444 && status.st_size == length,
       "which tells its length and that nobody may write");
    is(sys(open, "/dev/sallyport", O_RDWR), -EROFS, "nor opens it for that");
    is(sys(write, fd, part, 1), -EBADF, "nor writes");
    is(sys(open, "/dev/sallyport/", O_RDONLY), -ENOTDIR, "it is no folder");
    is(sys(open, "/dev/./sallyport", O_RDONLY | O_DIRECTORY), -ENOTDIR, "by no path");
    is(sys(access, "/dev/sallyport", X_OK), -EACCES, "and no program");
    sys(close, fd);
}

static void print_about(void)
{
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        put("# about: ");
        put(line);
        put_end_of_line();
    }
}

static void test_node(void)
{
    struct stat status;

    is(sys(stat, "/dev/ttyS1", &status), 0, "/dev/ttyS1 has a stat");
    ok(S_ISCHR(status.st_mode) && status.st_rdev == makedev(4, 65), "that says device 4, 65");
}

static void test_absent(void)
{
    is(sys(open, "/dev/ttyS1", O_WRONLY), -ENXIO, "without a port open of /dev/ttyS1 is ENXIO");
    is(sys(open, "/dev/ttyS1", O_RDONLY | O_NONBLOCK), -ENXIO, "in every mode");
}

static void test_errors(long fd)
{
    struct iovec half_bad[2] = {{text, 4}, {NULL, 4}};
    char byte;

    faults(sys(write, fd, bad, 16), "write from a bad buffer is EFAULT");
    is(sys(write, fd, edge(8), 16), -EFAULT, "write over a mapping's edge is EFAULT");
    is(sys(writev, fd, half_bad, 2), -EFAULT, "writev with one bad vector writes none");
    is(sys(write, fd, NULL, 0), 0, "write of no bytes needs no buffer");
    is(sys(read, fd, &byte, 1), -EAGAIN, "read of what has not come is EAGAIN");
    is(sys(read, fd, &byte, 0), 0, "read of no bytes is 0");
    is(sys(pread64, fd, &byte, 1, 0), -ESPIPE, "pread is ESPIPE");
    is(sys(lseek, fd, 0, SEEK_CUR), -ESPIPE, "lseek is ESPIPE");
    is(sys(ioctl, fd, 0x5401 /* TCGETS */, text), -ENOTTY, "TCGETS is ENOTTY: no terminal");
    faults_on_write(sys(fstat, fd, bad), "fstat to a bad address is EFAULT");
}

// 76,800 bytes, every value in every place of a block; the host compares.
static void test_pattern(long fd)
{
    struct iovec three[3] = {{pattern, 100}, {pattern + 100, 0}, {pattern + 100, 156}};
    long sent = 256, got = 0;

    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char)(i + i / 256);
    is(sys(writev, fd, three, 3), 256, "writev writes all its vectors");
    is(sys(write, fd, pattern + sent, sizeof(pattern) - 256), 4096, "write takes 4096 at most");
    for (sent += 4096; sent < (long)sizeof(pattern); sent += got) {
        got = sys(write, fd, pattern + sent, sizeof(pattern) - (size_t)sent);
        if (got <= 0)
            break;
    }
    is(sent, sizeof(pattern), "write takes the rest, part by part");
}

// "\r\n" among what is sent: nothing is changed on the way in either.
static void test_answer(long fd)
{
    char bytes[8];
    long length = 0;

    note("send", sizeof(bytes));
    for (int i = 0; i < 1000 && length < (long)sizeof(bytes); i++) {
        long got = sys(read, fd, bytes + length, sizeof(bytes) - (size_t)length);

        if (got > 0)
            length += got;
        else
            wait_a_moment();
    }
    is(length, sizeof(bytes), "read gives what the other end has sent");
    is(sys(write, fd, bytes, length), length, "write sends it back");
}

static void test_stuck(long fd)
{
    long taken = 0, got = 0;
    bool short_write = false;

    while (taken < (64L << 20) && (got = sys(write, fd, pattern, 4096)) > 0) {
        taken += got;
        short_write |= got < 4096;
    }
    is(got, -EIO, "a port that takes no more makes write EIO");
    ok(short_write, "after a write that says how far it came");
    is(sys(write, fd, pattern, 1), -EIO, "and the next one too");
    note("taken", taken);
    for (int i = 0; i < 1000 && (got = sys(write, fd, "!", 1)) == -EIO; i++)
        wait_a_moment();
    is(got, 1, "once the other end listens again it goes on");
}

int main(int argc, char *argv[])
{
    const char *mode = argc > 1 ? argv[1] : "absent";
    bool talk = strcmp(mode, "talk") == 0, port = talk || strcmp(mode, "port") == 0;

    make_bad_pointers();
    plan(17 + (talk ? 7 : port ? 14 : 2));
    test_about();
    test_node();
    if (port) {
        long fd = sys(open, "/dev/ttyS1", O_RDWR);

        ok(fd >= 0, "/dev/ttyS1 opens");
        if (talk) {
            test_answer(fd);
            test_stuck(fd);
        } else {
            test_errors(fd);
            test_pattern(fd);
        }
    } else {
        test_absent();
    }
    print_about();
    return done();
}
