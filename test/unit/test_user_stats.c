// flags: -Iuser
// Order statistics and written figures of the userland programs.
#include "stats.h"

#include "bytes.h"

static void test_quantiles_are_nearest_ranks(void **state)
{
    (void)state;
    uint64_t ten[10] = {9, 1, 8, 2, 7, 3, 6, 4, 5, 10};
    stats_sort(ten, 10);
    assert_int_equal(stats_quantile(ten, 10, 0), 1);
    assert_int_equal(stats_quantile(ten, 10, 100), 1);
    assert_int_equal(stats_quantile(ten, 10, 101), 2);
    assert_int_equal(stats_quantile(ten, 10, 500), 5);
    assert_int_equal(stats_quantile(ten, 10, 990), 10);
    assert_int_equal(stats_quantile(ten, 10, 1000), 10);
    uint64_t one = 7;
    for (unsigned p = 0; p <= 1000; p++)
        assert_int_equal(stats_quantile(&one, 1, p), 7);
}

// By definition, counted out: the smallest sample that at least permille/1000 do not exceed.
static void test_quantiles_agree_with_counting(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 2500; count += 1 + count / 3) {
        uint64_t *samples = malloc(count * sizeof(*samples));
        for (size_t i = 0; i < count; i++)
            samples[i] = (uint64_t)rand() << 33 | (uint64_t)rand();
        stats_sort(samples, count);
        for (unsigned p = 1; p <= 1000; p++) {
            size_t i = 0;
            while ((i + 1) * 1000 < count * p)
                i++;
            assert_true(stats_quantile(samples, count, p) == samples[i]);
        }
        free(samples);
    }
}

static void test_a_sample_below_its_overhead_costs_nothing(void **state)
{
    (void)state;
    assert_int_equal(stats_less(10, 3), 7);
    assert_int_equal(stats_less(3, 3), 0);
    assert_int_equal(stats_less(2, 3), 0);
}

static void test_thousands_are_separated(void **state)
{
    (void)state;
    char text[STATS_DIGITS];
    assert_string_equal(stats_thousands(0, text), "0");
    assert_string_equal(stats_thousands(999, text), "999");
    assert_string_equal(stats_thousands(1000, text), "1,000");
    assert_string_equal(stats_thousands(41220113, text), "41,220,113");
    assert_string_equal(stats_thousands(UINT64_MAX, text), "18,446,744,073,709,551,615");
    assert_int_equal(strlen(text) + 1, STATS_DIGITS);
}

int main(void)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles_are_nearest_ranks),
        cmocka_unit_test(test_quantiles_agree_with_counting),
        cmocka_unit_test(test_a_sample_below_its_overhead_costs_nothing),
        cmocka_unit_test(test_thousands_are_separated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
