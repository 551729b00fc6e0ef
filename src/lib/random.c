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

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define QUARTER(a, b, c, d)                                                                        \
    (a += b, d = ROTATE(d ^ a, 16), c += d, b = ROTATE(b ^ c, 12), a += b, d = ROTATE(d ^ a, 8),   \
     c += d, b = ROTATE(b ^ c, 7))

static void block(uint32_t out[16])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* RFC 8439, 2.3 */
    memcpy(start + 4, key, sizeof(key));
    memcpy(start + 12, &counter, sizeof(counter));
    counter++;
    uint32_t x[16];
    memcpy(x, start, sizeof(x));
    for (unsigned round = 0; round < 10; round++) {
        QUARTER(x[0], x[4], x[8], x[12]);
        QUARTER(x[1], x[5], x[9], x[13]);
        QUARTER(x[2], x[6], x[10], x[14]);
        QUARTER(x[3], x[7], x[11], x[15]);
        QUARTER(x[0], x[5], x[10], x[15]);
        QUARTER(x[1], x[6], x[11], x[12]);
        QUARTER(x[2], x[7], x[8], x[13]);
        QUARTER(x[3], x[4], x[9], x[14]);
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
