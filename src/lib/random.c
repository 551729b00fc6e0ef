/* ChaCha20 (RFC 8439, 2.3) as a generator, keyed from RDRAND where the CPU has it and from the
 * jitter of the TSC everywhere. Each block's first half replaces the key, so past output stays
 * secret. */

#include "lib/random.h"
#include "cpu/features.h"
#include "cpu/regs.h"
#include "cpu/spinlock.h"
#include "lib/string.h"

static struct spinlock lock = SPINLOCK("random", LOCK_RANDOM); /* guards key and counter */
static uint32_t key[8];
static uint64_t counter;

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

static void block(uint32_t out[16])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* RFC 8439, 2.3 */
    memcpy(start + 4, key, sizeof(key));
    memcpy(start + 12, &counter, sizeof(counter));
    counter++;
    uint32_t x[16];
    memcpy(x, start, sizeof(x));
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++) /* columns, then diagonals */
            quarter_round(&x[i], &x[4 + i], &x[8 + i], &x[12 + i]);
        for (unsigned i = 0; i < 4; i++)
            quarter_round(&x[i], &x[4 + (i + 1) % 4], &x[8 + (i + 2) % 4], &x[12 + (i + 3) % 4]);
    }
    for (unsigned i = 0; i < 16; i++)
        out[i] = x[i] + start[i];
}

static uint64_t hardware_random(void)
{
    uint64_t value = 0;
    unsigned char ok = 0;
    for (unsigned i = 0; i < 10 && !ok; i++) /* SDM vol. 1, 7.3.17.1: ten tries */
        __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(ok));
    return value;
}

void random_init(void)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t sample = rdtsc();
        if (cpu_has(FEATURE_RDRAND))
            sample ^= hardware_random();
        key[i % 8] ^= (uint32_t)(sample ^ sample >> 32);
        uint32_t out[16];
        block(out);
        memcpy(key, out, sizeof(key));
    }
}

void random_bytes(void *buffer, size_t size)
{
    unsigned char *to = buffer;
    spin_lock(&lock);
    while (size) {
        uint32_t out[16];
        block(out);
        memcpy(key, out, sizeof(key));
        size_t chunk = size < sizeof(out) / 2 ? size : sizeof(out) / 2;
        memcpy(to, out + 8, chunk);
        to += chunk;
        size -= chunk;
    }
    spin_unlock(&lock);
}
