/* Clocks, sleep, and waiting on futexes. */

#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "sys/table.h"
#include "task/futex.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/time.h>
#include <linux/time_types.h>

#define NS_PER_SECOND 1000000000UL

typedef struct __kernel_timespec timespec;

/* Which of our two time scales the clock reads; NULL for clocks we do not have. */
static uint64_t (*clock_reader(int clock))(void)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        return clock_real_ns;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return clock_boot_ns;
    default:
        return NULL;
    }
}

/* 0, -EFAULT, or -EINVAL for a time that is none. Times beyond 584 years are cut to that. */
static long get_time(user_addr_t user, uint64_t *ns)
{
    timespec time;
    if (copy_from_user(&time, user, sizeof(time)))
        return -EFAULT;
    if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= (long long)NS_PER_SECOND)
        return -EINVAL;
    if ((uint64_t)time.tv_sec >= INT64_MAX / NS_PER_SECOND)
        *ns = INT64_MAX;
    else
        *ns = (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
    return 0;
}

static long put_time(user_addr_t user, uint64_t ns)
{
    timespec time = {.tv_sec = (long long)(ns / NS_PER_SECOND),
                     .tv_nsec = (long long)(ns % NS_PER_SECOND)};
    return copy_to_user(user, &time, sizeof(time));
}

/* When boot time will show what an absolute time on that scale asks for. */
static uint64_t to_boot(uint64_t ns, bool real)
{
    uint64_t offset = real ? clock_real_ns() - clock_boot_ns() : 0;
    return ns > offset ? ns - offset : 0;
}

long sys_clock_nanosleep(int clock, int flags, user_addr_t request, user_addr_t remaining)
{
    (void)remaining; /* written only when a signal ends the sleep */
    uint64_t ns;
    uint64_t (*reader)(void) = clock_reader(clock);
    if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE ||
        clock == CLOCK_REALTIME_COARSE)
        return -EOPNOTSUPP;
    if (!reader)
        return -EINVAL;
    long error = get_time(request, &ns);
    if (error)
        return error;
    uint64_t now = clock_boot_ns();
    uint64_t deadline = flags & TIMER_ABSTIME ? to_boot(ns, reader == clock_real_ns) : now + ns;
    if (deadline > now)
        sched_block(WAIT_RESULT, deadline);
    return 0;
}

long sys_nanosleep(user_addr_t request, user_addr_t remaining)
{
    return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, request, remaining);
}

long sys_clock_gettime(int clock, user_addr_t out)
{
    uint64_t (*reader)(void) = clock_reader(clock);
    if (reader)
        return put_time(out, reader());
    /* No CPU time is kept: what a program measures with it is at most the time since boot. */
    if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
        return put_time(out, clock_boot_ns());
    return -EINVAL;
}

long sys_clock_getres(int clock, user_addr_t out)
{
    bool cpu_time = clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
    if (!clock_reader(clock) && !cpu_time)
        return -EINVAL;
    return out ? put_time(out, 1) : 0;
}

long sys_gettimeofday(user_addr_t time, user_addr_t zone)
{
    uint64_t ns = clock_real_ns();
    const int64_t value[2] = {(int64_t)(ns / NS_PER_SECOND), (int64_t)(ns % NS_PER_SECOND / 1000)};
    const int32_t no_zone[2] = {0, 0};
    if (time && copy_to_user(time, value, sizeof(value)))
        return -EFAULT;
    return zone ? copy_to_user(zone, no_zone, sizeof(no_zone)) : 0;
}

long sys_time(user_addr_t out)
{
    int64_t seconds = (int64_t)(clock_real_ns() / NS_PER_SECOND);
    return out && copy_to_user(out, &seconds, sizeof(seconds)) ? -EFAULT : seconds;
}

static long wait_on_futex(user_addr_t address, int op, uint32_t value, user_addr_t timeout,
                          uint32_t bits)
{
    uint64_t deadline = UINT64_MAX;
    if (timeout) {
        long error = get_time(timeout, &deadline);
        if (error)
            return error;
        /* FUTEX_WAIT counts from now, FUTEX_WAIT_BITSET gives the time on a clock. */
        deadline = (op & FUTEX_CMD_MASK) == FUTEX_WAIT
                       ? clock_boot_ns() + deadline
                       : to_boot(deadline, op & FUTEX_CLOCK_REALTIME);
    }
    return futex_wait(address, value, bits, deadline);
}

long sys_futex(user_addr_t address, int op, uint32_t value, user_addr_t timeout,
               user_addr_t address2, uint32_t value3)
{
    uint32_t value2 = (uint32_t)timeout; /* the same argument, for the requeues */
    int command = op & FUTEX_CMD_MASK;
    if ((op & FUTEX_CLOCK_REALTIME) && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    if ((command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE) &&
        ((int32_t)value < 0 || (int32_t)value2 < 0))
        return -EINVAL;
    switch (command) {
    case FUTEX_WAIT:
        return wait_on_futex(address, op, value, timeout, FUTEX_ALL_BITS);
    case FUTEX_WAIT_BITSET:
        return wait_on_futex(address, op, value, timeout, value3);
    case FUTEX_WAKE:
        return futex_wake(address, value, FUTEX_ALL_BITS);
    case FUTEX_WAKE_BITSET:
        return futex_wake(address, value, value3);
    case FUTEX_REQUEUE:
        return futex_requeue(address, value, address2, value2, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(address, value, address2, value2, &value3);
    default:
        return -ENOSYS;
    }
}
