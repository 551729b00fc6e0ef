// sources: test/unit/stubs.c
/* The battery-backed clock, read through pretended ports, against the C library's calendar. */
#include "stubs.h"
#include <string.h>
#include <time.h>

#include "cpu/io.h"
#define inb  fake_inb
#define outb fake_outb

enum { BCD_12 = 0x00, BCD_24 = 0x02, BINARY_12 = 0x04, BINARY_24 = 0x06 };

static uint8_t cmos[128], selected;
static unsigned reads;        /* of the data port */
static unsigned updating;     /* that many looks at status A still show an update */
static void (*on_read)(void); /* called before each read of the data port */

static void fake_outb(uint16_t port, uint8_t value)
{
    assert_int_equal(port, 0x70);
    assert_int_equal(value & 0x80, 0); /* NMIs stay on */
    selected = value;
}

static uint8_t fake_inb(uint16_t port)
{
    assert_int_equal(port, 0x71);
    reads++;
    if (on_read)
        on_read();
    if (selected == 0x0a && updating > 0) {
        updating--;
        return 0x80;
    }
    return selected < sizeof cmos ? cmos[selected] : 0xff;
}

#include "dev/rtc.c"

static uint8_t encoded(int value, uint8_t mode)
{
    return (uint8_t)(mode & 0x04 ? value : value / 10 * 16 + value % 10);
}

static void set_clock(int year, int month, int day, int hour, int minute, int second, uint8_t mode)
{
    memset(cmos, 0, sizeof cmos);
    updating = reads = 0;
    on_read = NULL;
    cmos[0x00] = encoded(second, mode);
    cmos[0x02] = encoded(minute, mode);
    if (mode & 0x02)
        cmos[0x04] = encoded(hour, mode);
    else
        cmos[0x04] = encoded((hour + 11) % 12 + 1, mode) | (hour >= 12 ? 0x80 : 0);
    cmos[0x07] = encoded(day, mode);
    cmos[0x08] = encoded(month, mode);
    cmos[0x09] = encoded(year % 100, mode);
    cmos[0x32] = encoded(year / 100, mode);
    cmos[0x0b] = mode;
}

static void test_known_dates(void **state)
{
    (void)state;
    set_clock(1970, 1, 1, 0, 0, 1, BCD_24);
    assert_int_equal(rtc_read(), 1);
    set_clock(2000, 2, 29, 23, 59, 59, BCD_24);
    assert_int_equal(rtc_read(), 951868799);
    set_clock(2038, 1, 19, 3, 14, 8, BCD_24);
    assert_int_equal(rtc_read(), 0x80000000);
}

static void test_every_day_to_2199_in_every_mode_is_what_the_calendar_says(void **state)
{
    (void)state;
    static const uint8_t modes[] = {BCD_12, BCD_24, BINARY_12, BINARY_24};
    const time_t end = 7258118400; /* 2200-01-01 */
    for (time_t day = 0; day < end; day += 86400) {
        time_t now = day + (time_t)random_below(86400);
        struct tm tm;
        assert_non_null(gmtime_r(&now, &tm));
        set_clock(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                  modes[random_below(4)]);
        assert_int_equal(rtc_read(), now);
    }
}

static void test_every_hour_of_the_twelve_hour_clock(void **state)
{
    (void)state;
    for (int hour = 0; hour < 24; hour++) {
        set_clock(2024, 5, 6, hour, 7, 8, BCD_12);
        assert_int_equal(rtc_read(), 1714953600 + hour * 3600 + 7 * 60 + 8);
        set_clock(2024, 5, 6, hour, 7, 8, BINARY_12);
        assert_int_equal(rtc_read(), 1714953600 + hour * 3600 + 7 * 60 + 8);
    }
}

static void test_a_century_that_makes_no_sense_is_guessed(void **state)
{
    (void)state;
    static const uint8_t senseless[] = {0x00, 0x18, 0x19, 0x22, 0x99, 0xff, 0xaa};
    for (size_t i = 0; i < sizeof senseless; i++) {
        set_clock(2024, 5, 6, 0, 0, 0, BCD_24);
        cmos[0x32] = senseless[i]; /* 0x19: 1924 is before 1970 */
        assert_int_equal(rtc_read(), 1714953600);
    }
    set_clock(1999, 12, 31, 0, 0, 0, BCD_24);
    cmos[0x32] = 0;
    assert_int_equal(rtc_read(), 946598400);
}

static void test_senseless_fields_are_no_time(void **state)
{
    (void)state;
    static const struct {
        uint8_t reg, value, mode;
    } wrong[] = {
        {0x00, 0x60, BCD_24},    {0x00, 0x0a, BCD_24},    {0x00, 0xa0, BCD_24},
        {0x02, 0x60, BCD_24},    {0x02, 60, BINARY_24},   {0x04, 0x24, BCD_24},
        {0x04, 24, BINARY_24},   {0x04, 0x00, BCD_12},    {0x04, 0x13, BCD_12},
        {0x04, 0x80, BINARY_12}, {0x04, 0x8d, BINARY_12}, {0x07, 0x00, BCD_24},
        {0x07, 0x32, BCD_24},    {0x08, 0x00, BCD_24},    {0x08, 0x13, BCD_24},
        {0x09, 100, BINARY_24},  {0x09, 0x9a, BCD_24},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        set_clock(2024, 5, 6, 1, 2, 3, wrong[i].mode);
        assert_int_not_equal(rtc_read(), 0);
        cmos[wrong[i].reg] = wrong[i].value;
        if (rtc_read() != 0)
            fail_msg("register %#x = %#x was believed", wrong[i].reg, wrong[i].value);
    }
    set_clock(2023, 2, 29, 0, 0, 0, BCD_24);
    assert_int_equal(rtc_read(), 0);
    set_clock(2100, 2, 29, 0, 0, 0, BCD_24);
    assert_int_equal(rtc_read(), 0);
    set_clock(2024, 4, 31, 0, 0, 0, BCD_24);
    assert_int_equal(rtc_read(), 0);
}

static void test_an_update_is_waited_out(void **state)
{
    (void)state;
    set_clock(2024, 5, 6, 1, 2, 3, BCD_24);
    updating = 1000;
    assert_int_equal(rtc_read(), 1714957323);
    assert_int_equal(updating, 0);
}

static void test_an_update_that_never_ends_is_no_clock(void **state)
{
    (void)state;
    set_clock(2024, 5, 6, 1, 2, 3, BCD_24);
    updating = ~0U;
    assert_int_equal(rtc_read(), 0);
    assert_true(reads < 1000000);
    /* A machine without a clock shows all ones. */
    memset(cmos, 0xff, sizeof cmos);
    assert_int_equal(rtc_read(), 0);
}

/* From 23:59:59 on 2023-12-31 to the next second, just after the seconds were read. */
static void roll_over(void)
{
    if (selected != 0x02 || cmos[0x00] != 0x59)
        return;
    void (*self)(void) = on_read;
    set_clock(2024, 1, 1, 0, 0, 0, BCD_24);
    on_read = self;
}

static void test_a_rollover_between_two_fields_is_read_again(void **state)
{
    (void)state;
    set_clock(2023, 12, 31, 23, 59, 59, BCD_24);
    on_read = roll_over;
    assert_int_equal(rtc_read(), 1704067200);
}

static void tick_every_read(void)
{
    cmos[0x00] = (cmos[0x00] + 1) % 7; /* a reading is 8 registers: the next one differs */
}

static void test_a_clock_that_never_stands_still_is_given_up(void **state)
{
    (void)state;
    set_clock(2024, 5, 6, 1, 2, 3, BCD_24);
    on_read = tick_every_read;
    assert_int_equal(rtc_read(), 0);
    assert_true(reads < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_dates),
        cmocka_unit_test(test_every_day_to_2199_in_every_mode_is_what_the_calendar_says),
        cmocka_unit_test(test_every_hour_of_the_twelve_hour_clock),
        cmocka_unit_test(test_a_century_that_makes_no_sense_is_guessed),
        cmocka_unit_test(test_senseless_fields_are_no_time),
        cmocka_unit_test(test_an_update_is_waited_out),
        cmocka_unit_test(test_an_update_that_never_ends_is_no_clock),
        cmocka_unit_test(test_a_rollover_between_two_fields_is_read_again),
        cmocka_unit_test(test_a_clock_that_never_stands_still_is_given_up),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
