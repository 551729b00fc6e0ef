// What mmap, munmap, mprotect, madvise and brk do to memory. Whether a page may be read or written
// is asked of the kernel (EFAULT or not), so that no check ends the program.

#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pointers.h"

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static bool all_zero(const char *p, size_t size)
{
    return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* The pages of `p` that the kernel can read or write, as a string: "rw", "r-", "--" for each. */
static const char *rights(char *p, size_t pages)
{
    static char text[64];
    char *out = text;

    for (size_t i = 0; i < pages; i++) {
        *out++ = kernel_can_read(p + i * PAGE) ? 'r' : '-';
        *out++ = kernel_can_write(p + i * PAGE) ? 'w' : '-';
    }
    *out = 0;
    return text;
}

static void has_rights(char *p, const char *want, const char *sentence)
{
    const char *got = rights(p, strlen(want) / 2);

    if (!ok(strcmp(got, want) == 0, sentence)) {
        put("# expected ");
        put(want);
        put(", got ");
        put(got);
        put_end_of_line();
    }
}

static void test_mapping(void)
{
    char *p = map_anonymous(64 * PAGE, RW), *again;

    ok(((unsigned long)p & (PAGE - 1)) == 0, "mmap gives whole pages");
    ok(all_zero(p, 64 * PAGE), "anonymous memory is zero before it is written");
    memset(p, 'x', 64 * PAGE);
    munmap(p, 64 * PAGE);
    again = map_anonymous(64 * PAGE, RW);
    ok(all_zero(again, 64 * PAGE), "memory mapped again is zero again");
    munmap(again, 64 * PAGE);
    p = mmap(again, PAGE, RW, ANONYMOUS, -1, 0);
    ok(p == again, "a hint at free memory is followed");
    ok(mmap(p, PAGE, RW, ANONYMOUS, -1, 0) != p, "a hint at a mapping is not");
    ok(mmap(p + 8 * PAGE + 77, 100, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED,
       "a fixed address must be a page's");
    ok(mmap(p + PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE,
       "MAP_FIXED_NOREPLACE takes free memory at the address");
    p[0] = p[PAGE] = 'x';
    ok(mmap(p, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == p, "MAP_FIXED takes a mapping's place");
    ok(p[0] == 0 && p[PAGE] == 'x', "what MAP_FIXED replaces is gone, its neighbour stays");
    p = map_anonymous(100, RW);
    p[4095] = 'x';
    ok(kernel_can_write(p + 4088), "a length is rounded up to whole pages");
}

static void test_splitting(void)
{
    char *p = map_anonymous(7 * PAGE, RW);

    for (size_t i = 0; i < 7; i++)
        p[i * PAGE + 100] = (char)('a' + i);
    munmap(p + 6 * PAGE, PAGE);
    munmap(p, PAGE);
    munmap(p + 3 * PAGE, PAGE);
    has_rights(p, "--rwrw--rwrw--", "munmap takes the pages it names and no others");
    ok(p[PAGE + 100] == 'b' && p[2 * PAGE + 100] == 'c' && p[4 * PAGE + 100] == 'e' &&
           p[5 * PAGE + 100] == 'f',
       "munmap leaves the content of the others");
    is(munmap(p, 7 * PAGE), 0, "munmap over holes succeeds");
    has_rights(p, "--------------", "munmap over holes takes all that is there");
}

static void test_protecting(void)
{
    char *p = map_anonymous(6 * PAGE, RW);

    for (size_t i = 0; i < 6; i++)
        p[i * PAGE + 100] = (char)('a' + i);
    mprotect(p + PAGE, 3 * PAGE, PROT_READ);
    has_rights(p, "rwr-r-r-rwrw", "mprotect to read only protects the pages it names");
    mprotect(p + 2 * PAGE, 3 * PAGE, PROT_NONE);
    has_rights(p, "rwr-------rw", "mprotect across two mappings protects both");
    mprotect(p, 6 * PAGE, RW);
    has_rights(p, "rwrwrwrwrwrw", "mprotect opens again what was split in four");
    ok(p[PAGE + 100] == 'b' && p[3 * PAGE + 100] == 'd', "protection leaves the content");
    mprotect(p, PAGE, PROT_READ | PROT_EXEC);
    has_rights(p, "r-rw", "readable and executable is not writable");
    munmap(p, 6 * PAGE);
    p = map_anonymous(2 * PAGE, PROT_NONE);
    has_rights(p, "----", "PROT_NONE is neither read nor written");
    mprotect(p + PAGE, PAGE, RW);
    has_rights(p, "--rw", "part of a reservation can be opened");
    ok(all_zero(p + PAGE + 8, PAGE - 8), "what is opened first is zero");
    munmap(p, 2 * PAGE);
}

static void test_madvise(void)
{
    char *p = map_anonymous(4 * PAGE, RW);

    memset(p, 'x', 4 * PAGE);
    is(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED), 0, "MADV_DONTNEED succeeds");
    ok(all_zero(p + PAGE, 2 * PAGE), "MADV_DONTNEED makes the pages zero");
    ok(p[PAGE - 1] == 'x' && p[3 * PAGE] == 'x', "MADV_DONTNEED leaves the neighbours");
    p[PAGE] = 'y';
    is(madvise(p, 4 * PAGE, MADV_WILLNEED), 0, "MADV_WILLNEED succeeds");
    ok(p[PAGE] == 'y', "MADV_WILLNEED leaves the content");
    munmap(p, 4 * PAGE);
}

/* Far more than the machine has, of which a page here and there is used. */
static void test_reservation(void)
{
    const size_t size = 1UL << 30, step = 16UL << 20;
    char *none = map_anonymous(size, PROT_NONE);
    char *p = mmap(NULL, size, RW, ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t wrong = 0;

    ok(none != MAP_FAILED, "1 GiB can be reserved by PROT_NONE");
    is(mprotect(none + size / 2, PAGE, RW), 0, "a page in the middle of it can be opened");
    memset(none + size / 2, 1, PAGE);
    ok(!kernel_can_read(none + size / 2 - PAGE), "its neighbours stay closed");
    ok(p != MAP_FAILED, "1 GiB can be reserved by MAP_NORESERVE");
    for (size_t at = 0; at < size; at += step)
        *(size_t *)(p + at) = at + 1;
    for (size_t at = 0; at < size; at += step)
        wrong += *(size_t *)(p + at) != at + 1 || p[at + 8] != 0;
    is(wrong, 0, "pages 16 MiB apart keep what was written");
    is(munmap(p, size), 0, "munmap gives 1 GiB back");
    is(munmap(none, size), 0, "munmap gives the other back");
}

static void test_brk(void)
{
    char *start = (char *)sys(brk, 0), *up;

    up = start + 3 * PAGE + 5;
    is(sys(brk, up), up, "brk grows by bytes");
    ok(all_zero(start, 3 * PAGE + 5), "the heap grows by zeroes");
    memset(start, 'x', 3 * PAGE);
    is(sys(brk, start + PAGE), start + PAGE, "brk shrinks");
    is(sys(brk, 0), start + PAGE, "brk(0) tells where it shrank to");
    is(sys(brk, up), up, "brk grows again");
    ok(start[0] == 'x' && all_zero(start + 2 * PAGE, PAGE), "what grows again is zero again");
    sys(brk, start);
}

static void test_file(const char *path)
{
    static char page[3 * PAGE];
    int fd = open(path, O_RDONLY);
    char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0), *from_page_1;
    struct stat status;
    size_t tail;

    ok(p != MAP_FAILED && read(fd, page, 2 * PAGE) == 2 * (long)PAGE, "a file maps and reads");
    ok(memcmp(p, page, 2 * PAGE) == 0, "what is mapped is what read gives");
    has_rights(p, "r-r-", "a read-only file mapping is not writable");
    from_page_1 = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, PAGE);
    ok(memcmp(from_page_1, page + PAGE, PAGE) == 0, "a file maps from an offset");
    memset(from_page_1, 'x', PAGE);
    ok(memcmp(p + PAGE, page + PAGE, PAGE) == 0, "a private mapping keeps its writes to itself");
    lseek(fd, PAGE, SEEK_SET);
    ok(read(fd, page, PAGE) == (long)PAGE && memcmp(p + PAGE, page, PAGE) == 0,
       "the file keeps its content");
    fstat(fd, &status);
    tail = (size_t)status.st_size % PAGE;
    close(fd);
    ok(memcmp(p + PAGE, page, PAGE) == 0, "a mapping outlives its descriptor");
    fd = open(path, O_RDONLY);
    p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, status.st_size - (long)tail);
    ok(tail == 0 || all_zero(p + tail, PAGE - tail), "beyond its end a file's last page is zero");
    p = mmap(NULL, PAGE, RW, MAP_PRIVATE, open("/dev/zero", O_RDWR), 0);
    ok(p != MAP_FAILED && all_zero(p, PAGE), "/dev/zero maps as zeroes");
}

int main(int argc, char *argv[])
{
    (void)argc;
    plan(49);
    test_mapping();
    test_splitting();
    test_protecting();
    test_madvise();
    test_reservation();
    test_brk();
    test_file(argv[0]);
    return done();
}
