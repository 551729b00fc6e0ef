// Reads and writes that the kernel does in several pieces give what one piece would: all the bytes, in order,
// up to the file's end or to the first bad page.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ktap.h"

enum { PAGE = 4096, SIZE = 3 << 20, PARTS = 1024 };

static unsigned char *memory; // SIZE bytes, then a page that cannot be touched

static bool all_are(const unsigned char *bytes, size_t size, int value)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void check_zeros(void)
{
    int fd = open("/dev/zero", O_RDWR);
    memset(memory, 7, SIZE);
    is(sys(read, fd, memory + 1, SIZE - 2), SIZE - 2, "all of 3 MiB of zeros are read");
    ok(memory[0] == 7 && memory[SIZE - 1] == 7 && all_are(memory + 1, SIZE - 2, 0),
       "and nothing besides is written");
    is(sys(read, fd, memory + PAGE, SIZE), SIZE - PAGE, "a read ends at a page that is not there");
    is(sys(read, fd, memory + SIZE, PAGE), -EFAULT, "and is EFAULT when that is the first");
    is(sys(write, fd, memory, SIZE), SIZE, "a device that swallows all takes 3 MiB");
    close(fd);
}

static void check_random(void)
{
    size_t size = (1 << 20) + 3;
    memset(memory, 0, SIZE);
    is(sys(getrandom, memory, size, 0), (long)size, "getrandom fills more than 1 MiB");
    ok(all_are(memory + size, SIZE - size, 0), "and nothing besides");
    unsigned counts[256] = {0}, least = ~0U;
    for (size_t i = 0; i < size; i++)
        counts[memory[i]]++;
    for (unsigned i = 0; i < 256; i++)
        least = counts[i] < least ? counts[i] : least;
    ok(least > 3000, "with every byte about 4,096 times");
    is(sys(getrandom, memory + SIZE - 5000, 10000, 0), 5000, "it ends at a page that is not there");
}

// The program itself, which the parts cut at odd places.
static void check_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    long size = lseek(fd, 0, SEEK_END);
    ok(fd >= 0 && size > 2 * PAGE, "the program can be read");
    const unsigned char *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    is(sys(pread64, fd, memory, SIZE, 0), size, "pread reads a file up to its end");
    ok(!memcmp(memory, map, (size_t)size), "the bytes are those of a mapping of it");
    is(lseek(fd, 0, SEEK_CUR), size, "and leaves the position alone");

    static struct iovec parts[PARTS];
    memset(memory, 0, SIZE);
    for (int i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){memory + i * 900, i % 3 ? 900 : 0};
    lseek(fd, 5, SEEK_SET);
    long expected = PARTS * 2 / 3 * 900, at = 5;
    expected = expected < size - 5 ? expected : size - 5;
    is(sys(readv, fd, parts, PARTS), expected, "readv fills 1,024 parts, a third of them empty");
    is(lseek(fd, 0, SEEK_CUR), expected + 5, "and moves the position by as much");
    bool same = true;
    for (int i = 0; i < PARTS; i++) {
        long length = (long)parts[i].iov_len < size - at ? (long)parts[i].iov_len : size - at;
        same = same && !memcmp(memory + i * 900, map + at, (size_t)length);
        at += length;
    }
    ok(same, "the bytes go on from part to part");
    close(fd);
}

static void check_writev(void)
{
    static struct iovec parts[PARTS];
    int fd = open("/dev/null", O_WRONLY);
    for (int i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){memory, 1000};
    is(sys(writev, fd, parts, PARTS), 1000L * PARTS, "writev takes 1,024 parts");
    close(fd);
    fd = open("/dev/null", O_RDONLY);
    is(sys(readv, fd, parts, PARTS), 0, "and reading them back is the end of file");
    close(fd);
}

int main(int argc, char *argv[])
{
    (void)argc;
    plan(18);
    memory = mmap(NULL, SIZE + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory + SIZE, PAGE, PROT_NONE);
    check_zeros();
    check_random();
    check_file(argv[0]);
    check_writev();
    return done();
}
