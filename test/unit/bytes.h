/* For tests of parsers: builds input byte by byte, and hands it out so that a read past its end, or
 * one that assumes alignment, is a sanitizer's report. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct bytes {
    size_t size;
    uint8_t data[1 << 16];
};

static inline size_t put(struct bytes *b, const void *data, size_t size)
{
    size_t at = b->size;
    assert_true(size <= sizeof b->data - at);
    memcpy(b->data + at, data, size);
    b->size += size;
    return at;
}

static inline size_t put_int(struct bytes *b, size_t width, uint64_t value)
{
    return put(b, &value, width);
}

static inline void put_zeros(struct bytes *b, size_t count)
{
    while (count--)
        put_int(b, 1, 0);
}

static inline void pad_to(struct bytes *b, size_t alignment)
{
    while (b->size % alignment)
        put_int(b, 1, 0);
}

static inline void set_int(struct bytes *b, size_t at, size_t width, uint64_t value)
{
    assert_true(at + width <= b->size);
    memcpy(b->data + at, &value, width);
}

/* Makes bytes [0, length) sum up to zero by changing the one at `at`. */
static inline void set_checksum(struct bytes *b, size_t length, size_t at)
{
    uint8_t sum = 0;
    b->data[at] = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + b->data[i]);
    b->data[at] = (uint8_t)-sum;
}

/* A copy that ends where its allocation ends and starts at an odd address; lives until the next. */
static inline const uint8_t *guarded(const void *data, size_t size)
{
    static uint8_t *last;
    free(last);
    last = malloc(size + 1);
    assert_non_null(last);
    memcpy(last + 1, data, size);
    return last + 1;
}

#define assert_refused(call, code, at, reason)                                                     \
    do {                                                                                           \
        error = (struct parse_error){0};                                                           \
        assert_int_equal(call, code);                                                              \
        assert_string_equal(error.what, reason);                                                   \
        assert_int_equal(error.offset, at);                                                        \
    } while (0)

/* xorshift64*; SEED in the environment repeats a run. */
static inline uint64_t *test_seed(void)
{
    static uint64_t state;
    if (state == 0) {
        const char *given = getenv("SEED");
        state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
        state |= 1;
        printf("SEED=%llu\n", (unsigned long long)state);
    }
    return &state;
}

static inline uint32_t test_random(uint32_t below)
{
    uint64_t *state = test_seed();
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 0x2545f4914f6cdd1dULL) >> 32) % below;
}
