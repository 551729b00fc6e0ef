/* What stands in for the rest of the kernel in host tests, and a few common helpers. Include it
 * first: it brings cmocka and what cmocka wants before it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* panic() comes back to EXPECT_PANIC, and ends the test program anywhere else. */
extern jmp_buf panic_target;
extern bool panic_expected;
extern char panic_text[256];
void forget_locks(void); /* that a panic left held */

#define EXPECT_PANIC(statement)                                                                    \
    do {                                                                                           \
        panic_expected = true;                                                                     \
        if (setjmp(panic_target) == 0) {                                                           \
            statement;                                                                             \
            fail_msg("no panic: %s", #statement);                                                  \
        }                                                                                          \
        panic_expected = false;                                                                    \
        forget_locks();                                                                            \
    } while (0)

extern int locks_held; /* the stub locks check ranks, recursion and foreign unlocks */

extern char last_klog[256];   /* "subsystem: text" */
extern uint64_t fake_boot_ns; /* what clock_boot_ns() says */

/* Seeds test_random() from $SEED, else from the clock, and prints the seed. A group's setup. */
int seed_random(void **state);
uint64_t test_random(void);
uint64_t random_below(uint64_t bound); /* bound > 0 */
