/* What every fuzz target states about the parser's answer: a broken promise ends the run. Inputs are
 * files as they are: test/fuzz/corpus/NAME/ has what real machines hand over (test/fuzz/capture). */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy that ends where its allocation ends; the caller frees it. */
static inline uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    CHECK(copy);
    memcpy(copy, data, size);
    return copy;
}

/* Mutated tables are hardly ever right in these: makes the bytes sum up to zero by the one at `at`. */
static inline void set_checksum(uint8_t *bytes, size_t length, size_t at)
{
    bytes[at] = 0;
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

/* And gives a table its own length. */
static inline void set_table_header(uint8_t *table, size_t size)
{
    memcpy(table + 4, &(uint32_t){(uint32_t)size}, 4);
    set_checksum(table, size, 9);
}
