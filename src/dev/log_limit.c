/* Each kind has a bucket of LOG_BURST, refilled at LOG_PER_SECOND. All that is kept of it is when it will
 * be full again: one word, changed without a lock. */
#include "dev/log_limit.h"

#include <stdatomic.h>
#include <stdint.h>

#include "cpu/clock.h"

#define PERIOD_NS (1000000000UL / LOG_PER_SECOND)

static struct {
    const char *subsystem, *what;
    _Atomic uint64_t full_at; /* clock_boot_ns */
    _Atomic uint64_t held_back;
} kinds[LOG_KINDS] = {
    [LOG_FAULT] = {.subsystem = "trap", .what = "processes that were ended"},
    [LOG_EXEC] = {.subsystem = "exec", .what = "refused programs"},
    [LOG_SIGNAL] = {.subsystem = "sys", .what = "refused signals"},
};

static bool take(enum log_kind kind)
{
    uint64_t now = clock_boot_ns();
    uint64_t full_at = kinds[kind].full_at, next;
    do {
        next = (full_at > now ? full_at : now) + PERIOD_NS;
        if (next - now > LOG_BURST * PERIOD_NS)
            return false;
    } while (!atomic_compare_exchange_weak(&kinds[kind].full_at, &full_at, next));
    return true;
}

static void tell(enum log_kind kind)
{
    uint64_t count = atomic_exchange(&kinds[kind].held_back, 0);
    if (count)
        klog(kinds[kind].subsystem, "not logged: %lu %s", count, kinds[kind].what);
}

bool log_allows(enum log_kind kind)
{
    if (!take(kind)) {
        kinds[kind].held_back++;
        return false;
    }
    tell(kind);
    return true;
}

void log_tell_held_back(void)
{
    for (unsigned kind = 0; kind < LOG_KINDS; kind++)
        tell((enum log_kind)kind);
}
