// The libc as ordinary programs use it: formatted output, files, the heap, sorting, large copies.
// libc: both

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"

static const unsigned seed = 20240229;
static unsigned random_state;

static unsigned next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

static void says(const char *want, const char *sentence, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void says(const char *want, const char *sentence, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!ok(strcmp(text, want) == 0, sentence)) {
        put("# got ");
        put(text);
        put_end_of_line();
    }
}

static void test_formats(void)
{
    volatile double third = 1.0 / 3, huge = 1e300, none = 0;

    says("0.333333 3.33e-01 0.3333333333333333", "doubles print to any precision", "%f %.2e %.16g",
         third, third, third);
    says("1e+300 inf -inf nan", "huge and unreal numbers print", "%g %g %g %g", huge, huge * huge,
         -huge * huge, __builtin_fabs(none / none));
    says("0.10000000000000000000135525271561", "long doubles print by the x87", "%.32Lf", 0.1L);
    says("0x1.5555555555555p-2", "doubles print in hexadecimal", "%a", third);
    says("-9223372036854775808 ffffffff |   a|b   |", "integers and strings print",
         "%ld %x |%4s|%-4s|", (long)INT64_MIN, 0xffffffffU, "a", "b");
    ok(strtod("2.5e-3", NULL) == 0.0025 && strtol("-0x7f", NULL, 16) == -127, "numbers are read");
    is(snprintf(NULL, 0, "%d", 12345), 5, "snprintf counts without a buffer");
}

static void test_files(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    char *whole, *mapped, line[100];
    size_t size;

    ok(file != NULL, "fopen opens the program itself");
    fstat(fileno(file), &status);
    size = (size_t)status.st_size;
    whole = malloc(size);
    mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fileno(file), 0);
    is(fread(whole, 1, size, file), size, "fread reads all of it");
    ok(memcmp(whole, mapped, size) == 0, "fread gives what is mapped");
    ok(fgetc(file) == EOF && feof(file), "then comes the end");
    fseek(file, (long)size - 100, SEEK_SET);
    ok(fread(line, 1, 100, file) == 100 && memcmp(line, mapped + size - 100, 100) == 0,
       "fseek goes back");
    rewind(file);
    for (size_t i = 0; i < 10000 && i < size; i++)
        if (fgetc(file) != (unsigned char)mapped[i])
            size = 0;
    ok(size > 0, "fgetc gives the same, byte by byte");
    fclose(file);
    munmap(mapped, (size_t)status.st_size);
    free(whole);
    file = fopen("/no/such/file", "r");
    ok(file == NULL && errno == ENOENT, "fopen of nothing sets errno");
    file = fopen("/dev/null", "w");
    ok(file && fprintf(file, "%1000d\n", 5) == 1001 && fclose(file) == 0, "/dev/null takes text");
}

enum { BLOCKS = 256 };

/* Blocks of 1 byte to 64 KiB, each filled with its own byte, grown, shrunk and freed at random. */
static void test_heap(void)
{
    static unsigned char *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    size_t total = 0, wrong = 0, refused = 0;
    char *large;

    note("seed:", seed);
    random_state = seed;
    while (total < 64UL << 20) {
        unsigned i = next_random() % BLOCKS;
        size_t size = (1 + next_random() % 65536) >> next_random() % 12;
        unsigned char *moved;

        if (sizes[i])
            wrong += blocks[i][0] != i || blocks[i][sizes[i] - 1] != i;
        if (next_random() % 4 == 0 || !size) {
            free(blocks[i]);
            blocks[i] = NULL;
            sizes[i] = 0;
            continue;
        }
        moved = realloc(blocks[i], size);
        if (!moved) {
            refused++;
            break;
        }
        if (sizes[i])
            wrong += moved[0] != i || (size >= sizes[i] && moved[sizes[i] - 1] != i);
        blocks[i] = memset(moved, (int)i, size);
        sizes[i] = size;
        total += size;
    }
    is(refused, 0, "the heap gives 64 MiB in all");
    is(wrong, 0, "no block of the heap touches another");
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    large = calloc(16, 1 << 20);
    ok(large && !large[0] && !large[(16 << 20) - 1], "calloc of 16 MiB is zero");
    free(large);
    errno = 0;
    large = malloc(SIZE_MAX / 4);
    ok(large == NULL && errno == ENOMEM, "malloc of too much is ENOMEM");
}

static int by_value(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return x < y ? -1 : x > y;
}

static void test_sort_and_copy(void)
{
    enum { COUNT = 100000 };
    const size_t size = 8 << 20;
    unsigned *numbers = malloc(COUNT * sizeof(unsigned)), sum = 0, unsorted = 0;
    char *from = malloc(size), *to = malloc(size);

    for (int i = 0; i < COUNT; i++)
        sum += numbers[i] = next_random();
    qsort(numbers, COUNT, sizeof(unsigned), by_value);
    for (int i = 0; i < COUNT; i++) {
        unsorted += i && numbers[i - 1] > numbers[i];
        sum -= numbers[i];
    }
    is(unsorted, 0, "qsort sorts 100,000 numbers");
    is(sum, 0, "and loses none");
    for (size_t i = 0; i < size; i += 4)
        *(unsigned *)(from + i) = next_random();
    memcpy(to, from, size);
    ok(memcmp(to, from, size) == 0, "memcpy copies 8 MiB");
    memmove(to + 1000001, to, size - 1000001);
    ok(memcmp(to + 1000001, from, size - 1000001) == 0, "memmove shifts them over themselves");
    free(numbers);
    free(from);
    free(to);
}

int main(int argc, char *argv[])
{
    (void)argc;
    plan(23);
    test_formats();
    test_files(argv[0]);
    test_heap();
    test_sort_and_copy();
    printf("# printf to standard output, %.3f\n", 2.0 / 3);
    return fflush(stdout) == 0 ? done() : 1;
}
