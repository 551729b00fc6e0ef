/* The battery-backed clock: read twice until both readings agree, then decoded and checked field by
 * field. Nothing it shows is trusted. */
#include "dev/rtc.h"
#include "cpu/io.h"
#include "lib/string.h"
#include <stdbool.h>

#define CMOS_INDEX 0x70 /* bit 7 masks NMI: left clear */
#define CMOS_DATA  0x71

#define STATUS_A   0x0a
#define A_UPDATE   0x80 /* the time changes within 244 us, or is changing: up to 2.2 ms */
#define STATUS_B   0x0b
#define B_24_HOURS 0x02
#define B_BINARY   0x04
#define HOUR_PM    0x80 /* in 12-hour mode, outside BCD */

#define UPDATE_LOOKS 20000 /* of about 2 us */
#define READINGS     5

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, STATUS, FIELDS };
static const uint8_t field_register[FIELDS] = {
    [SECOND] = 0x00, [MINUTE] = 0x02, [HOUR] = 0x04,    [DAY] = 0x07,
    [MONTH] = 0x08,  [YEAR] = 0x09,   [CENTURY] = 0x32, [STATUS] = STATUS_B,
};

static uint8_t read_cmos(uint8_t reg)
{
    outb(CMOS_INDEX, reg);
    return inb(CMOS_DATA);
}

/* False when the update never ends: no clock. */
static bool wait_for_update_end(unsigned looks)
{
    while (looks-- > 0) {
        if (!(read_cmos(STATUS_A) & A_UPDATE))
            return true;
    }
    return false;
}

static void read_fields(uint8_t fields[FIELDS])
{
    for (int i = 0; i < FIELDS; i++)
        fields[i] = read_cmos(field_register[i]);
}

/* 100 or more, or -1, for what is no BCD number: nothing that any field accepts. */
static int decode(uint8_t value, uint8_t status)
{
    if (status & B_BINARY)
        return value;
    return (value & 15) <= 9 ? (value >> 4) * 10 + (value & 15) : -1;
}

static int decode_hour(uint8_t value, uint8_t status)
{
    if (status & B_24_HOURS)
        return decode(value, status);
    int hour = decode(value & (uint8_t)~HOUR_PM, status);
    if (hour < 1 || hour > 12)
        return -1;
    return hour % 12 + (value & HOUR_PM ? 12 : 0);
}

/* Where the century stands is for the FADT to say; 0x32 is the usual place. It is believed when it
 * gives a year that this kernel can meet, else the two digits mean 1970 to 2069. */
static int full_year(int year, int century)
{
    if (century >= 19 && century <= 21 && century * 100 + year >= 1970)
        return century * 100 + year;
    return year >= 70 ? 1900 + year : 2000 + year;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t seconds_of(const uint8_t fields[FIELDS])
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int value[STATUS];

    for (int i = 0; i < STATUS; i++)
        value[i] =
            i == HOUR ? decode_hour(fields[i], fields[STATUS]) : decode(fields[i], fields[STATUS]);
    if (value[SECOND] < 0 || value[SECOND] > 59 || value[MINUTE] < 0 || value[MINUTE] > 59 ||
        value[HOUR] < 0 || value[HOUR] > 23 || value[MONTH] < 1 || value[MONTH] > 12 ||
        value[YEAR] < 0 || value[YEAR] > 99)
        return 0;
    int year = full_year(value[YEAR], value[CENTURY]);
    bool leap = is_leap(year);
    if (value[DAY] < 1 || value[DAY] > month_days[value[MONTH] - 1] + (value[MONTH] == 2 && leap))
        return 0;

    int64_t days = value[DAY] - 1 + (value[MONTH] > 2 && leap);
    for (int month = 1; month < value[MONTH]; month++)
        days += month_days[month - 1];
    for (int past = 1970; past < year; past++)
        days += 365 + is_leap(past);
    return ((days * 24 + value[HOUR]) * 60 + value[MINUTE]) * 60 + value[SECOND];
}

int64_t rtc_read(void)
{
    for (int i = 0; i < READINGS; i++) {
        uint8_t once[FIELDS], again[FIELDS];
        if (!wait_for_update_end(UPDATE_LOOKS))
            return 0;
        read_fields(once);
        read_fields(again);
        if (memcmp(once, again, sizeof once) == 0)
            return seconds_of(once);
    }
    return 0;
}
