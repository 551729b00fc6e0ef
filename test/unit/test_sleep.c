// sources: src/task/sleep.c src/lib/tree.c test/unit/stubs.c
// flags: -fno-sanitize=null
/* (this_cpu is at address 0 of GS: no null pointer.)
 * A CPU's sleepers against a plain array: who is woken when, in which order, how many at once, and what the
 * timer is set for. */
#include "stubs.h"
#include <asm/prctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu/apic.h"
#include "task/sched.h"
#include "task/sleep.h"
#include "task/thread.h"

#define THREADS 500

static struct cpu cpu;
static struct thread threads[THREADS];
static struct thread *woken[THREADS];
static unsigned woken_count;
static uint64_t timer; /* fake_boot_ns at which it fires; UINT64_MAX: never */

void apic_timer_set(uint64_t ns)
{
    timer = fake_boot_ns + ns;
}

void sched_wake(struct thread *thread)
{
    assert_int_equal(locks_held, 1);
    assert_false(thread->sleeping);
    woken[woken_count++] = thread;
}

static int begin(void **state)
{
    (void)state;
    memset(threads, 0, sizeof threads);
    memset(&cpu, 0, sizeof cpu);
    cpu.self = &cpu;
    cpu.sleepers.lock = (struct spinlock)SPINLOCK("sleepers", LOCK_TIMER);
    cpu.sleepers.none_before = cpu.timer_deadline = timer = UINT64_MAX;
    woken_count = 0;
    fake_boot_ns = 1000;
    return (int)syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
}

/* As sched_timer does. */
static void interrupt(void)
{
    timer = UINT64_MAX;
    sleepers_wake(fake_boot_ns);
    cpu.timer_deadline = UINT64_MAX;
    timer_program(fake_boot_ns);
}

static void test_who_is_due_is_woken_in_order_and_the_timer_waits_for_the_next(void **state)
{
    static unsigned rank[THREADS]; /* when it fell asleep */
    (void)state;
    unsigned asleep = 0, order = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct thread *thread = &threads[random_below(THREADS)];
        unsigned index = (unsigned)(thread - threads);
        if (thread->sleeping && random_below(4) == 0) {
            sleep_cancel(thread);
            asleep--;
        } else if (!thread->sleeping) {
            sleep_cancel(thread); /* its last sleep is over */
            sleep_until(thread, fake_boot_ns + random_below(30));
            rank[index] = order++;
            asleep++;
        }
        assert_null(cpu.sleepers.tree.update);
        uint64_t first = UINT64_MAX;
        for (unsigned i = 0; i < THREADS; i++)
            if (threads[i].sleeping && threads[i].deadline < first)
                first = threads[i].deadline;
        assert_int_equal(cpu.sleepers.none_before, first);
        assert_true(timer <= first || timer <= fake_boot_ns);
        if (random_below(8))
            continue;
        fake_boot_ns += random_below(20);
        do {
            woken_count = 0;
            interrupt();
            assert_in_range(woken_count, 0, 64);
            for (unsigned i = 0; i < woken_count; i++) {
                assert_true(woken[i]->deadline <= fake_boot_ns);
                if (i > 0 && woken[i]->deadline == woken[i - 1]->deadline)
                    assert_true(rank[woken[i] - threads] > rank[woken[i - 1] - threads]);
                else if (i > 0)
                    assert_true(woken[i]->deadline > woken[i - 1]->deadline);
            }
            asleep -= woken_count;
        } while (timer <= fake_boot_ns);
        for (unsigned i = 0; i < THREADS; i++)
            assert_false(threads[i].sleeping && threads[i].deadline <= fake_boot_ns);
    }
    unsigned left = 0;
    for (unsigned i = 0; i < THREADS; i++)
        left += threads[i].sleeping;
    assert_int_equal(left, asleep);
}

static void test_of_very_many_an_interrupt_wakes_a_few_and_the_next_follows_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        sleep_until(&threads[i], 5000);
    assert_int_equal(timer, 5000);
    fake_boot_ns = 5001;
    unsigned interrupts = 0;
    for (; timer <= fake_boot_ns; interrupts++) {
        unsigned before = woken_count;
        interrupt();
        assert_in_range(woken_count - before, 1, 64);
    }
    assert_int_equal(interrupts, (THREADS + 63) / 64);
    assert_int_equal(woken_count, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        assert_ptr_equal(woken[i], &threads[i]);
}

static void test_the_slice_counts_too(void **state)
{
    (void)state;
    cpu.current = &threads[0];
    cpu.slice_end = 3000;
    sleep_until(&threads[1], 4000);
    assert_int_equal(timer, 3000);
    sleep_until(&threads[2], 2000);
    assert_int_equal(timer, 2000);
    sleep_cancel(&threads[2]);
    sleep_cancel(&threads[2]);
    fake_boot_ns = 2000;
    interrupt();
    assert_int_equal(woken_count, 0);
    assert_int_equal(timer, 3000);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        test(test_who_is_due_is_woken_in_order_and_the_timer_waits_for_the_next),
        test(test_of_very_many_an_interrupt_wakes_a_few_and_the_next_follows_at_once),
        test(test_the_slice_counts_too),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
