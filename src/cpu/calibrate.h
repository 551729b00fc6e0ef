/* The TSC's rate, measured against counters whose rate is known (dev/timers.h has them). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MILLION 1000000UL /* in an error in ppm: nothing is known */

/* A counter's value at a moment between two readings of the TSC. */
struct reading {
    uint64_t before, after;
    uint64_t count;
};

struct reference {
    const char *name;
    uint32_t hz;           /* at most as many as mask + 1 in 10 ms, or it wraps unseen */
    uint32_t mask;         /* of the bits that are sure to count */
    void (*start)(void);   /* NULL: it counts always */
    bool (*overrun)(void); /* whether it has wrapped since; NULL: that takes seconds */
    void (*read)(struct reading *reading);
};

struct rate {
    uint64_t hz;    /* of the TSC; 0: not to be told */
    uint64_t error; /* ppm, beyond what the counter's own crystal is off */
};

#define REFERENCES_MAX 3

/* Measures against all of them, the first that counts for 15 ms, the others for 2 ms, and chooses the
 * first that another one confirms; that other one, if the first was measured badly. What does not
 * count, or disagrees, is named in the log. Where no two agree it is the last, and how far they are
 * apart is its error. NULL when none counts; else the chosen one, and its rate. Boot CPU. */
const struct reference *calibrate(const struct reference *const references[], size_t count,
                                  struct rate *out);
