// sources: test/unit/stubs.c
/* The memory and string functions against plain loops, at every alignment, length and overlap that
 * takes a different way through them. The kernel's names are the C library's: renamed here. */
#include "stubs.h"
#include <sys/mman.h>

#define memcpy  k_memcpy
#define memmove k_memmove
#define memset  k_memset
#define memcmp  k_memcmp
#define strlen  k_strlen
#define strnlen k_strnlen
#define strcmp  k_strcmp
#define strncmp k_strncmp
#include "lib/string.c"

enum { SIZE = 96 };
static unsigned char buffer[SIZE], model[SIZE], source[SIZE];

static void fill(void)
{
    for (int i = 0; i < SIZE; i++) {
        model[i] = buffer[i] = (unsigned char)test_random();
        source[i] = (unsigned char)test_random();
    }
}

static void check_buffer(size_t dst, size_t src, size_t n)
{
    for (size_t i = 0; i < SIZE; i++) {
        if (buffer[i] != model[i])
            fail_msg("byte %zu differs: to %zu, from %zu, length %zu", i, dst, src, n);
    }
}

static void test_memcpy_copies_exactly_the_bytes_asked_for(void **state)
{
    (void)state;
    for (size_t dst = 0; dst < 9; dst++) {
        for (size_t src = 0; src < 9; src++) {
            for (size_t n = 0; n <= 70; n++) {
                fill();
                for (size_t i = 0; i < n; i++)
                    model[dst + i] = source[src + i];
                assert_ptr_equal(memcpy(buffer + dst, source + src, n), buffer + dst);
                check_buffer(dst, src, n);
            }
        }
    }
}

static void test_memmove_survives_every_overlap(void **state)
{
    (void)state;
    for (size_t dst = 0; dst < 40; dst++) {
        for (size_t src = 0; src < 40; src++) {
            for (size_t n = 0; n <= 50; n++) {
                fill();
                unsigned char copy[50];
                for (size_t i = 0; i < n; i++)
                    copy[i] = model[src + i];
                for (size_t i = 0; i < n; i++)
                    model[dst + i] = copy[i];
                assert_ptr_equal(memmove(buffer + dst, buffer + src, n), buffer + dst);
                check_buffer(dst, src, n);
            }
        }
    }
}

static void test_memset_sets_exactly_the_bytes_asked_for(void **state)
{
    (void)state;
    static const int values[] = {0, 1, 0x80, 0xff, -1, 0x1234};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        for (size_t dst = 0; dst < 9; dst++) {
            for (size_t n = 0; n <= 70; n++) {
                fill();
                for (size_t i = 0; i < n; i++)
                    model[dst + i] = (unsigned char)values[v];
                assert_ptr_equal(memset(buffer + dst, values[v], n), buffer + dst);
                check_buffer(dst, 0, n);
            }
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_comparisons_are_of_unsigned_bytes_and_end_in_time(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t n;
        int memory, bounded, whole; /* signs of memcmp, strncmp, strcmp */
    } cases[] = {
        {"", "", 0, 0, 0, 0},          {"a", "b", 0, 0, 0, -1},
        {"abc", "abd", 2, 0, 0, -1},   {"abc", "abd", 3, -1, -1, -1},
        {"\x80", "\x7f", 1, 1, 1, 1},  {"\xff", "a", 1, 1, 1, 1},
        {"ab", "abc", 3, -1, -1, -1},  {"abc", "ab", 3, 1, 1, 1},
        {"a\0x", "a\0y", 3, -1, 0, 0}, {"init=", "init=/bin", 5, 0, 0, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(sign(memcmp(cases[i].a, cases[i].b, cases[i].n)), cases[i].memory);
        assert_int_equal(sign(strncmp(cases[i].a, cases[i].b, cases[i].n)), cases[i].bounded);
        assert_int_equal(sign(strcmp(cases[i].a, cases[i].b)), cases[i].whole);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    assert_int_equal(strlen(""), 0);
    assert_int_equal(strlen("sallyport"), 9);
    assert_int_equal(strnlen("sallyport", 5), 5);
    assert_int_equal(strnlen("sally", 9), 5);
    assert_int_equal(strnlen("sally", 0), 0);
}

/* Text that ends where its page does: one byte read too many is a fault. */
static void test_nothing_reads_past_its_bound(void **state)
{
    (void)state;
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
    char *end = page + 4096, out[8];

    end[-3] = end[-2] = end[-1] = 'x'; /* no terminator */
    assert_int_equal(strnlen(end - 3, 3), 3);
    assert_int_equal(strncmp(end - 3, "xxx", 3), 0);
    assert_int_equal(memcmp(end - 3, "xxx", 3), 0);
    assert_false(string_copy(out, end - 3, 3));
    assert_string_equal(out, "xx");
    end[-1] = '\0';
    assert_int_equal(strlen(end - 3), 2);
    assert_true(strcmp(end - 3, "xxx") < 0);
    assert_true(string_copy(out, end - 3, sizeof out));
    for (size_t n = 0; n < 40; n++) {
        memcpy(buffer, end - n, n);
        memmove(end - n, buffer, n);
        memset(end - n, 0, n);
    }
    munmap(page, 8192);
}

static void test_string_copy_always_terminates_and_says_what_did_not_fit(void **state)
{
    (void)state;
    char out[6] = {0}; /* the analyser does not see through our memset */
    for (size_t size = 1; size <= sizeof out; size++) {
        for (size_t length = 0; length < 8; length++) {
            const char *text = &"sallyport"[9 - length];
            memset(out, '#', sizeof out);
            assert_int_equal(string_copy(out, text, size), length < size);
            size_t copied = length < size ? length : size - 1;
            assert_memory_equal(out, text, copied);
            assert_int_equal(out[copied], '\0');
            for (size_t i = copied + 1; i < sizeof out; i++)
                assert_int_equal(out[i], '#');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memcpy_copies_exactly_the_bytes_asked_for),
        cmocka_unit_test(test_memmove_survives_every_overlap),
        cmocka_unit_test(test_memset_sets_exactly_the_bytes_asked_for),
        cmocka_unit_test(test_comparisons_are_of_unsigned_bytes_and_end_in_time),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_nothing_reads_past_its_bound),
        cmocka_unit_test(test_string_copy_always_terminates_and_says_what_did_not_fit),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
