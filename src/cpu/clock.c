/* The TSC's rate: from CPUID where the CPU or the hypervisor tells it, else measured against the
 * PIT. */

#include "cpu/clock.h"
#include "cpu/io.h"
#include "cpu/regs.h"
#include "dev/rtc.h"

/* Intel 8254: channel 2 counts down at this rate while bit 0 of port 0x61 is set; bit 5 is its
 * output. */
#define PIT_HZ      1193182
#define PIT_CHANNEL 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE    0x61
#define PIT_WINDOW  3 /* ms */
#define PIT_WINDOWS 4

static uint64_t start_tsc, tsc_khz;
static uint64_t ns_per_tick; /* 32.32 fixed point; 0 until known */
static uint64_t real_offset; /* ns */
static const char *source;

static uint64_t khz_from_cpuid(void)
{
    if (cpuid(0, 0).eax >= 0x15) {
        struct cpuid ratio = cpuid(0x15, 0);
        if (ratio.eax && ratio.ebx && ratio.ecx) {
            source = "CPUID 0x15";
            return (uint64_t)ratio.ecx * ratio.ebx / ratio.eax / 1000;
        }
    }
    if ((cpuid(1, 0).ecx >> 31 & 1) && cpuid(0x40000000, 0).eax >= 0x40000010) {
        source = "CPUID 0x40000010";
        return cpuid(0x40000010, 0).eax;
    }
    return 0;
}

/* TSC ticks in one window, or 0. */
static uint64_t pit_window(void)
{
    const uint32_t count = PIT_HZ * PIT_WINDOW / 1000;
    outb(PIT_COMMAND, 0xb0); /* channel 2, low then high byte, mode 0 */
    outb(PIT_CHANNEL, count & 0xff);
    outb(PIT_CHANNEL, count >> 8);
    uint64_t begin = rdtsc();
    /* An access to a port takes about a microsecond: without a PIT this ends after 2 s. */
    for (unsigned i = 0; !(inb(PIT_GATE) & 0x20); i++)
        if (i == 2000000)
            return 0;
    return rdtsc() - begin;
}

static uint64_t khz_from_pit(void)
{
    outb(PIT_GATE, (inb(PIT_GATE) & ~2U) | 1); /* gate on, speaker off */
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < PIT_WINDOWS; i++) { /* a host that looks away makes a window longer */
        uint64_t ticks = pit_window();
        if (!ticks)
            return 0;
        least = ticks < least ? ticks : least;
    }
    source = "PIT";
    return least / PIT_WINDOW;
}

void clock_init(uint64_t first_tsc)
{
    start_tsc = first_tsc;
    tsc_khz = khz_from_cpuid();
    if (!tsc_khz)
        tsc_khz = khz_from_pit();
    if (!tsc_khz) {
        source = "a guess: no source told it";
        tsc_khz = 1000000;
    }
    ns_per_tick = (1000000UL << 32) / tsc_khz;
    real_offset = (uint64_t)rtc_read() * 1000000000 - clock_boot_ns();
}

uint64_t clock_boot_ns(void)
{
    return (uint64_t)((unsigned __int128)(rdtsc() - start_tsc) * ns_per_tick >> 32);
}

uint64_t clock_real_ns(void)
{
    return real_offset + clock_boot_ns();
}

void clock_delay_us(uint64_t us)
{
    uint64_t start = clock_boot_ns();
    while (clock_boot_ns() - start < us * 1000)
        cpu_relax();
}

uint64_t clock_tsc_khz(void)
{
    return tsc_khz;
}

const char *clock_source(void)
{
    return source;
}
