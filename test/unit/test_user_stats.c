// flags: -Iuser -lm
// Order statistics and written figures of the userland programs.
#include "stats.h"

#include "bytes.h"

static uint64_t seed;

// Uniform in (0, 1]; splitmix64.
static double uniform(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53 + 0x1p-53;
}

enum { MANY = 100000 };
static uint64_t samples[MANY], scratch[MANY];

static struct distribution described(size_t count)
{
    return stats_summarise(samples, scratch, count);
}

// How far a quantile may lie from the distribution's own: five standard deviations of the order
// statistic, sqrt(p(1-p)/n) divided by the density there; and a tick for the rounding.
static void assert_quantile(uint64_t got, double p, double expected, double density)
{
    double allowed = 5 * sqrt(p * (1 - p) / MANY) / density + 1;
    if (fabs((double)got - expected) > allowed)
        fail_msg("quantile %g is %llu, expected %.0f +- %.0f", p, (unsigned long long)got, expected,
                 allowed);
}

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

static void test_a_uniform_distribution_is_described_as_theory_has_it(void **state)
{
    (void)state;
    const double width = 1e6;
    for (size_t i = 0; i < MANY; i++)
        samples[i] = (uint64_t)(uniform() * width);
    struct distribution d = described(MANY);
    assert_quantile(d.p50, 0.5, 0.5 * width, 1 / width);
    assert_quantile(d.p90, 0.9, 0.9 * width, 1 / width);
    assert_quantile(d.p99, 0.99, 0.99 * width, 1 / width);
    assert_quantile(d.p999, 0.999, 0.999 * width, 1 / width);
    assert_quantile(d.mad, 0.5, 0.25 * width, 1 / width);
    assert_true(fabs(d.mean - 0.5 * width) < 5 * width / sqrt(12.0 * MANY) + 1);
    assert_true(d.min < 1000 && d.max > width - 1000 && d.max <= width);
}

// By inverse transform; its mean deviation and quantiles are known in closed form.
static void test_an_exponential_distribution_is_described_as_theory_has_it(void **state)
{
    (void)state;
    const double mean = 1e5;
    for (size_t i = 0; i < MANY; i++)
        samples[i] = (uint64_t)(-log(uniform()) * mean);
    struct distribution d = described(MANY);
    const struct {
        double p;
        uint64_t got;
    } quantiles[] = {{0.5, d.p50}, {0.9, d.p90}, {0.99, d.p99}, {0.999, d.p999}};
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        double p = quantiles[i].p;
        assert_quantile(quantiles[i].got, p, -log(1 - p) * mean, (1 - p) / mean);
    }
    // MAD m of an exponential about its median ln 2: sinh m = 1/2. The density of the deviation
    // there is 2 f(median) cosh m = sqrt(5)/2.
    assert_quantile(d.mad, 0.5, asinh(0.5) * mean, sqrt(5) / 2 / mean);
    assert_true(fabs(d.mean - mean) < 5 * mean / sqrt(MANY) + 1);
}

static void test_equal_samples_have_no_spread(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 1000; count += 37) {
        for (size_t i = 0; i < count; i++)
            samples[i] = 42;
        struct distribution d = described(count);
        assert_int_equal(d.count, count);
        assert_true(d.min == 42 && d.max == 42 && d.p50 == 42 && d.p999 == 42 && d.mad == 0);
        assert_true(d.ci_low == 42 && d.ci_high == 42 && d.mean == 42);
    }
}

static void test_two_points_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        samples[i] = i % 10 == 0 ? UINT64_MAX : 7; // a tenth of them
    struct distribution d = described(1000);
    assert_true(d.min == 7 && d.p50 == 7 && d.p90 == 7 && d.mad == 0);
    assert_true(d.p99 == UINT64_MAX && d.max == UINT64_MAX);
    assert_true(d.ci_low == 7 && d.ci_high == 7);
    assert_true(fabs(d.mean / (0.1 * 0x1p64) - 1) < 1e-9);
}

static void test_binomial_tail_agrees_with_small_cases_counted_out(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 12; n++) {
        for (size_t k = 1; k <= n; k++) {
            for (int eighths = 0; eighths <= 8; eighths++) {
                double p = eighths / 8.0;
                double sum = 0;
                for (unsigned outcome = 0; outcome < 1u << n; outcome++) {
                    int hits = __builtin_popcount(outcome);
                    if (hits >= (int)k)
                        sum += pow(p, hits) * pow(1 - p, (int)n - hits);
                }
                assert_true(fabs(stats_binomial_tail(n, k, p) - sum) < 1e-9);
            }
        }
    }
}

// Every resample of a few samples, in turn: their medians' quantiles are the interval's ends.
static void test_the_interval_of_a_few_samples_is_that_of_all_their_resamples(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 6; n++) {
        size_t at_most[6] = {0}, resamples = 1; // whose median is at most sample i
        for (size_t i = 0; i < n; i++)
            resamples *= n;
        for (size_t r = 0; r < resamples; r++) {
            uint64_t drawn[6];
            for (size_t i = 0, rest = r; i < n; i++, rest /= n)
                drawn[i] = rest % n;
            stats_sort(drawn, n);
            for (size_t i = stats_quantile(drawn, n, 500); i < n; i++)
                at_most[i]++;
        }
        for (size_t percent = 1; percent < 100; percent++) {
            double probability = (double)percent / 100 + 1e-6; // on no step of theirs
            size_t i = 0;
            while ((double)at_most[i] < probability * (double)resamples)
                i++;
            assert_int_equal(stats_bootstrap_index(n, probability), i);
        }
    }
}

// The closed form against what it stands for: so many resamples that their quantiles are known well.
static void test_the_interval_is_the_one_that_resampling_finds(void **state)
{
    (void)state;
    enum { COUNT = 99, RESAMPLES = 20000 };
    static uint64_t medians[RESAMPLES];
    for (size_t r = 0; r < RESAMPLES; r++) {
        uint64_t drawn[COUNT];
        for (size_t i = 0; i < COUNT; i++)
            drawn[i] = (uint64_t)(uniform() * COUNT * 0.999999999);
        stats_sort(drawn, COUNT);
        medians[r] = stats_quantile(drawn, COUNT, 500);
    }
    stats_sort(medians, RESAMPLES);
    long low = (long)stats_bootstrap_index(COUNT, 0.025);
    long high = (long)stats_bootstrap_index(COUNT, 0.975);
    assert_true(labs(low - (long)stats_quantile(medians, RESAMPLES, 25)) <= 1);
    assert_true(labs(high - (long)stats_quantile(medians, RESAMPLES, 975)) <= 1);
    assert_true(low > 30 && low < 49 && high > 49 && high < 68);
}

static void test_the_interval_covers_the_true_median_in_95_of_100_trials(void **state)
{
    (void)state;
    const size_t counts[] = {100, 1000};
    for (size_t c = 0; c < 2; c++) {
        unsigned covered = 0;
        for (unsigned trial = 0; trial < 1000; trial++) {
            for (size_t i = 0; i < counts[c]; i++)
                samples[i] = (uint64_t)(-log(uniform()) * 1e9);
            struct distribution d = described(counts[c]);
            covered += (double)d.ci_low <= log(2) * 1e9 && log(2) * 1e9 <= (double)d.ci_high;
        }
        printf("%zu samples: %u of 1000 intervals cover the median\n", counts[c], covered);
        assert_in_range(covered, 920, 980);
    }
}

static void test_intervals_that_share_a_point_show_no_difference(void **state)
{
    (void)state;
    assert_true(stats_differ(1, 2, 3, 4));
    assert_true(stats_differ(3, 4, 1, 2));
    assert_false(stats_differ(1, 3, 3, 4));
    assert_false(stats_differ(3, 4, 1, 3));
    assert_false(stats_differ(1, 10, 4, 5));
    assert_false(stats_differ(4, 5, 1, 10));
    assert_false(stats_differ(2, 2, 2, 2));
}

int main(void)
{
    const char *wanted = getenv("SEED");
    seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    srand((unsigned)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles_are_nearest_ranks),
        cmocka_unit_test(test_quantiles_agree_with_counting),
        cmocka_unit_test(test_a_sample_below_its_overhead_costs_nothing),
        cmocka_unit_test(test_thousands_are_separated),
        cmocka_unit_test(test_a_uniform_distribution_is_described_as_theory_has_it),
        cmocka_unit_test(test_an_exponential_distribution_is_described_as_theory_has_it),
        cmocka_unit_test(test_equal_samples_have_no_spread),
        cmocka_unit_test(test_two_points_are_told_apart),
        cmocka_unit_test(test_binomial_tail_agrees_with_small_cases_counted_out),
        cmocka_unit_test(test_the_interval_of_a_few_samples_is_that_of_all_their_resamples),
        cmocka_unit_test(test_the_interval_is_the_one_that_resampling_finds),
        cmocka_unit_test(test_the_interval_covers_the_true_median_in_95_of_100_trials),
        cmocka_unit_test(test_intervals_that_share_a_point_show_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
