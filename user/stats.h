// Order statistics over samples, and how figures are written. Pure: no clock, no output.
#pragma once

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
