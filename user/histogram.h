// Counts of values in log-linear buckets, as HdrHistogram has them: exact up to 2^(bits+1), beyond
// that 2^bits buckets for every power of two, so that no value is off by more than one part in
// 2^bits, over all 64 bits. Pure.
#pragma once

#include <stdint.h>
#include <string.h>

#define HISTOGRAM_BITS    6
#define HISTOGRAM_BUCKETS ((65 - HISTOGRAM_BITS) << HISTOGRAM_BITS)

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
};

// The bucket of a value; rises with the value, and no bucket is left out.
static inline unsigned histogram_index(uint64_t value)
{
    if (value < 2u << HISTOGRAM_BITS)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
    return (shift << HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

// The least value of a bucket; index < HISTOGRAM_BUCKETS.
static inline uint64_t histogram_least(unsigned index)
{
    if (index < 2u << HISTOGRAM_BITS)
        return index;
    unsigned shift = (index >> HISTOGRAM_BITS) - 1;
    return (uint64_t)(index - (shift << HISTOGRAM_BITS)) << shift;
}

// The greatest value of a bucket.
static inline uint64_t histogram_greatest(unsigned index)
{
    unsigned shift = index < 2u << HISTOGRAM_BITS ? 0 : (index >> HISTOGRAM_BITS) - 1;
    return histogram_least(index) + ((uint64_t)1 << shift) - 1;
}

// What is shown for a bucket: its middle, rounded down.
static inline uint64_t histogram_value(unsigned index)
{
    uint64_t least = histogram_least(index);
    return least + (histogram_greatest(index) - least) / 2;
}

static inline void histogram_fill(struct histogram *histogram, const uint64_t *values, size_t count)
{
    memset(histogram, 0, sizeof(*histogram));
    for (size_t i = 0; i < count; i++)
        histogram->counts[histogram_index(values[i])]++;
}
