// Order statistics over samples, and how figures are written. Pure: no clock, no output.
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline int stats_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static inline void stats_sort(uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), stats_order);
}

// The nearest-rank quantile of sorted samples: the smallest one that at least `permille` of all
// samples do not exceed. count > 0, 0 <= permille <= 1000; 0 gives the minimum.
static inline uint64_t stats_quantile(const uint64_t *sorted, size_t count, unsigned permille)
{
    size_t rank = (count / 1000) * permille + ((count % 1000) * permille + 999) / 1000;
    return sorted[rank ? rank - 1 : 0];
}

// What a sample cost beyond its bracket; noise cannot make it negative.
static inline uint64_t stats_less(uint64_t sample, uint64_t overhead)
{
    return sample > overhead ? sample - overhead : 0;
}

struct distribution {
    size_t count;
    uint64_t min, p50, p90, p99, p999, max;
    uint64_t mad;             // median absolute deviation from p50
    uint64_t ci_low, ci_high; // bootstrap 95 % interval of p50
    double mean;
};

// The probability that of n draws, each a success with probability p, at least k succeed.
// 0 < k <= n. Beyond 12 standard deviations it is 0 or 1 for every purpose here.
static inline double stats_binomial_tail(size_t n, size_t k, double p)
{
    double mean = (double)n * p, deviation = sqrt(mean * (1 - p));
    if (p >= 1 || (double)k < mean - 12 * deviation)
        return 1;
    if (p <= 0 || (double)k > mean + 12 * deviation + 1)
        return 0;
    double term = exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) +
                      (double)k * log(p) + (double)(n - k) * log1p(-p));
    double sum = 0;
    for (size_t j = k; j <= n; j++) {
        sum += term;
        term *= (double)(n - j) / (double)(j + 1) * (p / (1 - p));
        if ((double)j > mean && term < sum * 1e-12)
            break;
    }
    return sum < 1 ? sum : 1;
}

// The index of the sorted sample that the median of a resample does not exceed with the given
// probability. A resample draws n of the n samples with replacement, so its median is at most
// sample i exactly if at least half of n draws hit one of the first i + 1: a binomial tail. That is
// the bootstrap's own distribution, for which resampling is an approximation: nothing is left to
// chance, and there is no seed.
static inline size_t stats_bootstrap_index(size_t count, double probability)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        double reached =
            stats_binomial_tail(count, (count + 1) / 2, (double)(middle + 1) / (double)count);
        if (reached >= probability)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

// Sorts the samples, and describes them. count > 0; scratch holds as many.
static inline struct distribution stats_summarise(uint64_t *samples, uint64_t *scratch,
                                                  size_t count)
{
    stats_sort(samples, count);
    struct distribution s = {
        .count = count,
        .min = samples[0],
        .p50 = stats_quantile(samples, count, 500),
        .p90 = stats_quantile(samples, count, 900),
        .p99 = stats_quantile(samples, count, 990),
        .p999 = stats_quantile(samples, count, 999),
        .max = samples[count - 1],
        .ci_low = samples[stats_bootstrap_index(count, 0.025)],
        .ci_high = samples[stats_bootstrap_index(count, 0.975)],
    };
    for (size_t i = 0; i < count; i++) {
        s.mean += ((double)samples[i] - s.mean) / (double)(i + 1);
        scratch[i] = samples[i] > s.p50 ? samples[i] - s.p50 : s.p50 - samples[i];
    }
    stats_sort(scratch, count);
    s.mad = stats_quantile(scratch, count, 500);
    return s;
}

// Two intervals that share a point show no difference.
static inline bool stats_differ(double a_low, double a_high, double b_low, double b_high)
{
    return a_high < b_low || b_high < a_low;
}

#define STATS_DIGITS 27 // 20 digits, 6 commas, the end

// 41220113 as "41,220,113". Returns text, which holds at least STATS_DIGITS bytes.
static inline const char *stats_thousands(uint64_t value, char *text)
{
    char digits[21];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = 0;
    return text;
}
