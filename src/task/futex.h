/* Futexes, all of them private to an address space: waiting on a word of user memory. */
#pragma once

#include "mm/usercopy.h"
#include <stdint.h>

#define FUTEX_ALL_BITS 0xffffffffU

/* Blocks the current thread until a wake with a common bit, or until the deadline (clock_boot_ns;
 * UINT64_MAX: none), if *address is still `expected`. Returns 0 once it is on its way to block;
 * -EAGAIN, -EFAULT, -EINVAL. */
long futex_wait(user_addr_t address, uint32_t expected, uint32_t bits, uint64_t deadline);

/* Wakes up to `count` waiters with a common bit. The number woken, or -EINVAL. With many waiters the call
 * goes on on the way out (sched_go_on), and gets its result there. Who ends a thread wakes one at most, of
 * all bits: that is done at once. */
long futex_wake(user_addr_t address, unsigned count, uint32_t bits);

/* Wakes up to `wake` waiters and moves up to `requeue` others to another address; `expected` as in
 * futex_wait, or NULL. The number woken and moved, or an errno. With many waiters as above; of the value
 * is looked once, at first. */
long futex_requeue(user_addr_t address, unsigned wake, user_addr_t target, unsigned requeue,
                   const uint32_t *expected);
