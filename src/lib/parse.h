/* What every parser of foreign bytes shares: where and why it gave up, and unaligned reads.
 * Parsers are pure: bytes and length in, a struct or an error out; no globals, no allocation, no
 * printing. All formats here are little-endian, as the machine is. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Filled in only when a parser returns an error. The pointer handed to a parser is never NULL. */
struct parse_error {
    size_t offset;    /* of the offending byte or field, in bytes from the start of the input */
    const char *what; /* a constant phrase without a full stop, fit to follow "at byte 12: " */
};

/* Records the error and returns code, a negative errno. */
static inline int parse_fail(struct parse_error *error, int code, size_t offset, const char *what)
{
    error->offset = offset;
    error->what = what;
    return code;
}

/* Reads at any alignment. The caller has checked the bounds. */
static inline uint16_t load16(const void *base, size_t offset)
{
    uint16_t value;
    __builtin_memcpy(&value, (const uint8_t *)base + offset, sizeof value);
    return value;
}

static inline uint32_t load32(const void *base, size_t offset)
{
    uint32_t value;
    __builtin_memcpy(&value, (const uint8_t *)base + offset, sizeof value);
    return value;
}

static inline uint64_t load64(const void *base, size_t offset)
{
    uint64_t value;
    __builtin_memcpy(&value, (const uint8_t *)base + offset, sizeof value);
    return value;
}
