/* Stand-ins for panic, locks, log and clock. All weak: a test that has its own wins. */
#include "stubs.h"
#include "cpu/panic.h"
#include "cpu/spinlock.h"
#include "dev/console.h"
#include <time.h>

#define WEAK __attribute__((weak))

jmp_buf panic_target;
bool panic_expected;
char panic_text[256];
char last_klog[256];
uint64_t fake_boot_ns;
int locks_held;
static struct spinlock *held[8];

void forget_locks(void)
{
    while (locks_held > 0) {
        held[--locks_held]->locked = 0;
    }
}

static _Noreturn void end_in_panic(void)
{
    if (panic_expected)
        longjmp(panic_target, 1);
    fprintf(stderr, "unexpected panic: %s\n", panic_text);
    abort();
}

WEAK _Noreturn void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(panic_text, sizeof panic_text, format, args);
    va_end(args);
    end_in_panic();
}

WEAK _Noreturn void panic_at(const struct trap_frame *frame, const char *format, ...)
{
    (void)frame;
    va_list args;
    va_start(args, format);
    vsnprintf(panic_text, sizeof panic_text, format, args);
    va_end(args);
    end_in_panic();
}

/* A wrong use of locks is never what a test expects: it ends the program. */
static void check_lock(bool good, const char *what, const struct spinlock *lock)
{
    if (good)
        return;
    fprintf(stderr, "lock %s: %s\n", lock->name ? lock->name : "?", what);
    abort();
}

WEAK void spin_lock(struct spinlock *lock)
{
    check_lock(lock->locked++ == 0, "taken while held", lock);
    check_lock(locks_held == 0 || held[locks_held - 1]->rank < lock->rank, "rank does not rise",
               lock);
    check_lock(locks_held < 8, "too many locks", lock);
    held[locks_held++] = lock;
}

WEAK void spin_unlock(struct spinlock *lock)
{
    check_lock(locks_held > 0 && held[locks_held - 1] == lock, "not the last one taken", lock);
    locks_held--;
    lock->locked = 0;
}

WEAK void klog(const char *subsystem, const char *text, ...)
{
    int length = snprintf(last_klog, sizeof last_klog, "%s: ", subsystem);
    va_list args;
    va_start(args, text);
    vsnprintf(last_klog + length, sizeof last_klog - (size_t)length, text, args);
    va_end(args);
}

uint64_t clock_boot_ns(void);
WEAK uint64_t clock_boot_ns(void)
{
    return fake_boot_ns;
}

static uint64_t random_state;

int seed_random(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    random_state = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec ^ (uint64_t)now.tv_nsec;
    printf("seed: SEED=%llu\n", (unsigned long long)random_state);
    fflush(stdout);
    return 0;
}

/* splitmix64 */
uint64_t test_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t random_below(uint64_t bound)
{
    return test_random() % bound;
}
