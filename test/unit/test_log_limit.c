// sources: src/dev/log_limit.c test/unit/stubs.c
/* The limits of log lines, with a clock of the test's own. */
#include "stubs.h"
#include <string.h>

#include "dev/log_limit.h"

#define SECOND 1000000000UL

static uint64_t start = SECOND;

/* How many of `tries` are let through now. */
static unsigned allowed(enum log_kind kind, unsigned tries)
{
    unsigned count = 0;
    while (tries--)
        count += log_allows(kind);
    return count;
}

/* Far enough on that all is as at the beginning. */
static int set_up(void **state)
{
    (void)state;
    log_tell_held_back();
    fake_boot_ns = start += 3600 * SECOND;
    last_klog[0] = '\0';
    return 0;
}

static void test_burst_is_let_through_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(allowed(LOG_FAULT, 1000), LOG_BURST);
    assert_int_equal(allowed(LOG_EXEC, 1000), LOG_BURST); /* by kind */
    assert_string_equal(last_klog, "");
}

static void test_rate_holds_however_long_it_goes_on(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned ms = 0; ms < 100000; ms++) {
        count += allowed(LOG_SIGNAL, 3);
        fake_boot_ns += SECOND / 1000;
    }
    assert_in_range(count, LOG_BURST + 100 * LOG_PER_SECOND - 1, LOG_BURST + 100 * LOG_PER_SECOND);
}

static void test_pause_fills_the_bucket_but_not_beyond_the_burst(void **state)
{
    (void)state;
    allowed(LOG_FAULT, LOG_BURST);
    fake_boot_ns += SECOND / LOG_PER_SECOND - 1;
    assert_int_equal(allowed(LOG_FAULT, 1), 0);
    fake_boot_ns += 1;
    assert_int_equal(allowed(LOG_FAULT, 2), 1);
    fake_boot_ns += SECOND;
    assert_int_equal(allowed(LOG_FAULT, 100), LOG_PER_SECOND);
    fake_boot_ns += 1000 * SECOND;
    assert_int_equal(allowed(LOG_FAULT, 100), LOG_BURST);
}

static void test_next_line_says_how_many_were_held_back(void **state)
{
    (void)state;
    allowed(LOG_SIGNAL, LOG_BURST + 7);
    assert_string_equal(last_klog, "");
    fake_boot_ns += SECOND;
    klog_limited(LOG_SIGNAL, "sys", "%d", 1);
    assert_string_equal(last_klog, "sys: 1");
    allowed(LOG_SIGNAL, 1);
    assert_string_equal(last_klog, "sys: 1"); /* said once */
    set_up(state);
    allowed(LOG_SIGNAL, LOG_BURST + 7);
    fake_boot_ns += SECOND;
    assert_true(log_allows(LOG_SIGNAL));
    assert_string_equal(last_klog, "sys: not logged: 7 refused signals");
}

static void test_end_of_the_machine_says_it_of_each_kind(void **state)
{
    (void)state;
    allowed(LOG_FAULT, LOG_BURST + 3);
    log_tell_held_back();
    assert_string_equal(last_klog, "trap: not logged: 3 processes that were ended");
    last_klog[0] = '\0';
    log_tell_held_back();
    assert_string_equal(last_klog, "");
}

static void test_clock_that_goes_back_lets_nothing_more_through(void **state)
{
    (void)state;
    allowed(LOG_EXEC, LOG_BURST);
    fake_boot_ns -= SECOND;
    assert_int_equal(allowed(LOG_EXEC, 100), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_burst_is_let_through_and_no_more, set_up),
        cmocka_unit_test_setup(test_rate_holds_however_long_it_goes_on, set_up),
        cmocka_unit_test_setup(test_pause_fills_the_bucket_but_not_beyond_the_burst, set_up),
        cmocka_unit_test_setup(test_next_line_says_how_many_were_held_back, set_up),
        cmocka_unit_test_setup(test_end_of_the_machine_says_it_of_each_kind, set_up),
        cmocka_unit_test_setup(test_clock_that_goes_back_lets_nothing_more_through, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
