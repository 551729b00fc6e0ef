// flags: -Iuser
// The buckets that single calls are counted in.
#include "histogram.h"

#include "bytes.h"

static void assert_in_its_bucket(uint64_t value)
{
    unsigned index = histogram_index(value);
    assert_true(index < HISTOGRAM_BUCKETS);
    assert_true(histogram_least(index) <= value && value <= histogram_greatest(index));
    uint64_t shown = histogram_value(index);
    uint64_t off = shown > value ? shown - value : value - shown;
    assert_true(off <= value >> HISTOGRAM_BITS); // one part in 64, for every value
    assert_true((double)off <= 0.03 * (double)value);
}

static void test_no_value_is_off_by_more_than_one_part_in_64(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 100000; value++)
        assert_in_its_bucket(value);
    for (unsigned bit = 0; bit < 64; bit++)
        for (int64_t around = -2; around <= 2; around++)
            assert_in_its_bucket(((uint64_t)1 << bit) + (uint64_t)around);
    assert_in_its_bucket(UINT64_MAX);
    for (int i = 0; i < 1000000; i++) {
        uint64_t value = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
        assert_in_its_bucket(value >> rand() % 64);
    }
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 2u << HISTOGRAM_BITS; value++) {
        assert_int_equal(histogram_index(value), value);
        assert_int_equal(histogram_value(value), value);
    }
    assert_int_equal(histogram_index(0), 0);
    assert_int_equal(histogram_index(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

// So indices rise with values and every value has one bucket.
static void test_buckets_follow_one_another_without_a_gap(void **state)
{
    (void)state;
    assert_int_equal(histogram_least(0), 0);
    for (unsigned index = 0; index < HISTOGRAM_BUCKETS; index++) {
        assert_int_equal(histogram_index(histogram_least(index)), index);
        assert_int_equal(histogram_index(histogram_greatest(index)), index);
        assert_int_equal(histogram_index(histogram_value(index)), index);
        if (index)
            assert_true(histogram_least(index) == histogram_greatest(index - 1) + 1);
    }
    assert_true(histogram_greatest(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

// As the schema states the rule, for those who read records.
static void test_the_index_is_as_the_schema_has_it(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t v = ((uint64_t)rand() << 33 ^ (uint64_t)rand()) >> rand() % 56 | 128;
        unsigned e = 0;
        while (v >> e >> 1)
            e++;
        unsigned shift = e - 6;
        assert_true(histogram_index(v) == (shift + 1) * 64 + (v >> shift) - 64);
    }
}

static void test_every_sample_is_counted_once(void **state)
{
    (void)state;
    static struct histogram histogram;
    const uint64_t values[] = {0, 5, 5, 1000, 1001, UINT64_MAX};
    histogram_fill(&histogram, values, 3); // is forgotten
    histogram_fill(&histogram, values, 6);
    uint64_t sum = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        sum += histogram.counts[i];
    assert_int_equal(sum, 6);
    assert_int_equal(histogram.counts[5], 2);
    assert_int_equal(histogram.counts[histogram_index(1000)], 2);
    assert_int_equal(histogram.counts[HISTOGRAM_BUCKETS - 1], 1);
}

int main(void)
{
    const char *wanted = getenv("SEED");
    unsigned seed = wanted ? (unsigned)strtoul(wanted, NULL, 0) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_value_is_off_by_more_than_one_part_in_64),
        cmocka_unit_test(test_small_values_are_exact),
        cmocka_unit_test(test_buckets_follow_one_another_without_a_gap),
        cmocka_unit_test(test_the_index_is_as_the_schema_has_it),
        cmocka_unit_test(test_every_sample_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
