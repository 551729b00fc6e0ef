// What futex answers to bad input. A private futex that nobody waits on need not be mapped to be
// woken, so wake is asked at addresses outside user space only.

#define _GNU_SOURCE
#include <limits.h>
#include <time.h>

#include "pointers.h"

enum { WAIT, WAKE, REQUEUE = 3, CMP_REQUEUE, WAIT_BITSET = 9, WAKE_BITSET };
enum { PRIVATE = 128, REALTIME = 256, ANY = -1 };

static int word, other;

static void test_addresses(void)
{
    const struct timespec soon = {0, 1000};
    char *outside[] = {(char *)0x800000000000, (char *)0xffff800000000000, (char *)-4096L};
    int wrong = 0;

    faults(sys(futex, (long)bad & -4L, WAIT | PRIVATE, 0, &soon),
           "a private wait at a bad address is EFAULT");
    faults(sys(futex, (long)bad & -4L, WAIT, 0, &soon), "a shared wait at bad is EFAULT");
    faults(sys(futex, &word, WAIT | PRIVATE, 0, bad ? bad : (void *)8),
           "a wait with its timeout at a bad address is EFAULT");
    faults(sys(futex, (long)bad & -4L, CMP_REQUEUE | PRIVATE, 1, 1, &other, 0),
           "cmp_requeue that must read a bad address is EFAULT");
    for (int i = 0; i < 3; i++) {
        wrong += sys(futex, outside[i], WAKE | PRIVATE, 1) != -EFAULT;
        wrong += sys(futex, outside[i], WAKE_BITSET | PRIVATE, 1, NULL, NULL, ANY) != -EFAULT;
        wrong += sys(futex, &word, REQUEUE | PRIVATE, 1, 1, outside[i]) != -EFAULT;
    }
    is(wrong, 0, "wake and requeue outside user space are EFAULT");
    is(sys(futex, bad_pointers[1].address, WAKE | PRIVATE, 1), 0,
       "a private wake where nothing is mapped wakes nobody");
    for (long i = wrong = 0; i < 4; i++) {
        long want = i ? -EINVAL : 0;
        wrong += sys(futex, (char *)&word + i, WAKE | PRIVATE, 1) != want;
        wrong += sys(futex, (char *)&word + i, WAIT | PRIVATE, 0, &soon) != (i ? want : -ETIMEDOUT);
        wrong += sys(futex, &word, REQUEUE | PRIVATE, 1, 1, (char *)&other + i) != want;
    }
    is(wrong, 0, "a futex that is not aligned to four bytes is EINVAL");
}

static void test_numbers(void)
{
    const struct timespec bad_times[] = {{0, 1000000000}, {0, -1}, {-1, 0}, {0, LONG_MAX}};
    const struct timespec soon = {0, 1000}, past = {0, 1};
    int wrong = 0;

    is(sys(futex, &word, 126, 0), -ENOSYS, "an unknown operation is ENOSYS");
    is(sys(futex, &word, WAKE | REALTIME, 1), -ENOSYS, "a wake by the wall clock is ENOSYS");
    is(sys(futex, &word, WAIT_BITSET | PRIVATE, 0, &soon, NULL, 0), -EINVAL,
       "a wait for no bit is EINVAL");
    is(sys(futex, &word, WAKE_BITSET | PRIVATE, 1, NULL, NULL, 0), -EINVAL,
       "a wake of no bit is EINVAL");
    is(sys(futex, &word, REQUEUE | PRIVATE, -1, 1, &other), -EINVAL,
       "a requeue that wakes -1 is EINVAL");
    is(sys(futex, &word, REQUEUE | PRIVATE, 1, -1, &other), -EINVAL,
       "a requeue that moves -1 is EINVAL");
    for (int i = 0; i < 4; i++) {
        wrong += sys(futex, &word, WAIT | PRIVATE, 0, &bad_times[i]) != -EINVAL;
        wrong += sys(futex, &word, WAIT | PRIVATE, 1, &bad_times[i]) != -EINVAL;
        wrong += sys(futex, &word, WAIT_BITSET | PRIVATE, 0, &bad_times[i], 0, ANY) != -EINVAL;
    }
    is(wrong, 0, "a wait of no valid time is EINVAL, whatever the word holds");
    is(sys(futex, &word, WAIT | PRIVATE, 1, NULL), -EAGAIN, "a wait on another value is EAGAIN");
    is(sys(futex, &word, WAIT | PRIVATE, 1, &soon), -EAGAIN, "a timed wait on it is EAGAIN");
    is(sys(futex, &word, WAIT_BITSET | PRIVATE, 1, &past, NULL, ANY), -EAGAIN,
       "a wait until the past on another value is EAGAIN");
    is(sys(futex, &word, WAIT_BITSET | PRIVATE, 0, &past, NULL, ANY), -ETIMEDOUT,
       "a wait until the past is ETIMEDOUT");
    is(sys(futex, &word, CMP_REQUEUE | PRIVATE, 1, 1, &other, 1), -EAGAIN,
       "cmp_requeue on another value is EAGAIN");
    is(sys(futex, &word, WAIT | PRIVATE, 1L << 32, &soon), -ETIMEDOUT,
       "only the low 32 bits of the value are looked at");
    is(sys(futex, &word, WAKE | PRIVATE, INT_MAX), 0, "a wake with nobody waiting is 0");
    is(sys(futex, &word, REQUEUE | PRIVATE, 1, INT_MAX, &other), 0,
       "a requeue with nobody waiting is 0");
}

int main(void)
{
    make_bad_pointers();
    plan(22);
    test_addresses();
    test_numbers();
    return done();
}
