// sources: src/lib/format.c test/unit/stubs.c
/* The formatter against the C library's, over generated formats and values, and where the two
 * differ on purpose. */
#include "stubs.h"
#include "lib/format.h"
#include <limits.h>
#include <string.h>

#pragma GCC diagnostic ignored                                                                     \
    "-Wformat" /* formats are generated, and some are wrong on purpose  \
                                           */

#define SAME(...)                                                                                  \
    do {                                                                                           \
        char ours[128], theirs[128];                                                               \
        size_t length = format(ours, sizeof ours, __VA_ARGS__);                                    \
        assert_int_equal(length, snprintf(theirs, sizeof theirs, __VA_ARGS__));                    \
        assert_string_equal(ours, theirs);                                                         \
    } while (0)

static void test_each_conversion_prints_as_printf_does(void **state)
{
    (void)state;
    SAME("plain");
    SAME("%d %i %u %x %c %s %%", -5, 7, 9u, 0xbeefu, 'c', "text");
    SAME("%d %d %d", INT_MIN, INT_MAX, 0);
    SAME("%u %x", UINT_MAX, UINT_MAX);
    SAME("%ld %ld %lld", LONG_MIN, LONG_MAX, LLONG_MIN);
    SAME("%lu %lx %llu %llx %zu %zx", ULONG_MAX, ULONG_MAX, ULLONG_MAX, ULLONG_MAX, SIZE_MAX,
         SIZE_MAX);
    SAME("%d then %ld then %u", -1, -1L, ~0u); /* each takes its own width off the arguments */
    SAME("%u %x %u %x %d %ld %u", ~0u, ~0u, ~0u, ~0u, -1, -1L, ~0u); /* on the stack, too */
    SAME("%c%c", 'a', 0xe9);
    SAME("[%5d|%-5d|%05d|%05d|%5s|%-5s|%3c|%-3c]", 42, 42, 42, -42, "ab", "ab", 'x', 'x');
    SAME("[%*d|%-*d|%*d|%0*x]", 6, 1, 6, 2, -6, 3, 8, 0xabc);
    SAME("[%.2s|%.0s|%.9s|%5.2s|%-5.2s|%.*s|%.*s]", "abc", "abc", "abc", "abc", "abc", 1, "abc", -1,
         "abc");
    SAME("%1d%1s", 12345, "wider than asked");
    SAME("%p", (void *)0xffff800012345678);
    SAME("[%20p|%-20p]", (void *)0x1000, (void *)0x1000);
}

static void test_generated_formats_print_as_printf_does(void **state)
{
    (void)state;
    static const char *const flags[] = {"", "0", "-", "-0"};
    static const char *const lengths[] = {"", "l", "ll", "z"};
    for (int i = 0; i < 20000; i++) {
        char spec[32];
        const char conversion = "diux"[random_below(4)];
        const unsigned length = (unsigned)random_below(4);
        snprintf(spec, sizeof spec, "<%%%s%d%s%c>", flags[random_below(4)],
                 (int)random_below(30) + 1, lengths[length], conversion);
        /* As many small values as large ones. */
        uint64_t value = test_random() >> random_below(64);
        if (random_below(2))
            value = -value;
        if (length == 0)
            SAME(spec, (unsigned)value);
        else
            SAME(spec, value);
    }
}

static void test_output_is_cut_at_the_size_and_the_whole_length_returned(void **state)
{
    (void)state;
    for (size_t size = 1; size < 20; size++) {
        char ours[20], theirs[20];
        memset(ours, '#', sizeof ours);
        memset(theirs, '#', sizeof theirs);
        assert_int_equal(format(ours, size, "%s=%05d,%3c", "name", -42, 'x'), 14);
        snprintf(theirs, size, "%s=%05d,%3c", "name", -42, 'x');
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

static void test_a_precision_bounds_how_far_a_string_is_read(void **state)
{
    (void)state;
    char *text = malloc(3); /* no terminator: the address sanitizer sees a byte too many */
    assert_non_null(text);
    memset(text, 'a', 3);
    char out[8];
    assert_int_equal(format(out, sizeof out, "%.3s", text), 3);
    assert_string_equal(out, "aaa");
    assert_int_equal(format(out, sizeof out, "%.*s", 2, text), 2);
    free(text);
}

static void test_a_null_string_and_a_wrong_format_do_no_harm(void **state)
{
    (void)state;
    char out[32];
    const char *volatile none = NULL; /* known to be null, the compiler objects */
    format(out, sizeof out, "%s", none);
    assert_string_equal(out, "(null)");
    format(out, sizeof out, "%p", (void *)NULL);
    assert_string_equal(out, "0x0");
    format(out, sizeof out, "100%");
    assert_string_equal(out, "100%?");
    format(out, sizeof out, "a%qb%s", 1);
    assert_string_equal(out, "a%?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_conversion_prints_as_printf_does),
        cmocka_unit_test(test_generated_formats_print_as_printf_does),
        cmocka_unit_test(test_output_is_cut_at_the_size_and_the_whole_length_returned),
        cmocka_unit_test(test_a_precision_bounds_how_far_a_string_is_read),
        cmocka_unit_test(test_a_null_string_and_a_wrong_format_do_no_harm),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
