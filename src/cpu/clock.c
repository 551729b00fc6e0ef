/* The TSC's rate: from CPUID where the CPU or the hypervisor tells it, else measured against a
 * counter of known rate. */

#include "cpu/clock.h"
#include "cpu/io.h"
#include "cpu/regs.h"
#include "dev/rtc.h"
#include <stddef.h>

/* Intel 8254: channel 2 counts down while bit 0 of port 0x61 is set, in mode 0 on through 0, from when
 * on bit 5 is set; bit 1 is the speaker. */
#define PIT_HZ      1193182
#define PIT_CHANNEL 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE    0x61
#define PIT_START   0xb0 /* channel 2, low then high byte, mode 0 */
#define PIT_LATCH   0x80 /* channel 2 */

#define PM_TIMER_HZ 3579545 /* ACPI 6.5, 4.8.3.3 */

#define WINDOWS    3
#define WINDOW_HZ  200 /* a window takes 5 ms */
#define ATTEMPTS   10
#define GOOD_PPM   1000    /* no need to try again */
#define READINGS   8       /* of which the quickest counts */
#define LOOKS      2000000 /* until a window ends; one takes a microsecond or more */
#define STANDSTILL 10000   /* looks after which a counter does not count at all */
#define MILLION    1000000UL
#define GUESS_KHZ  1000000

/* A counter's value at a moment between two readings of the TSC. */
struct reading {
    uint64_t before, after;
    uint64_t count;
};

struct reference {
    const char *name;
    uint32_t hz;
    uint32_t mask;         /* of the bits that are sure to count */
    void (*start)(void);   /* NULL: it counts always */
    bool (*overrun)(void); /* whether it has wrapped since; NULL: that takes seconds */
    void (*read)(struct reading *reading);
};

struct rate {
    uint64_t hz;
    uint64_t error; /* ppm */
};

static uint64_t start_tsc, tsc_khz;
static uint64_t ns_per_tick; /* 32.32 fixed point; 0 until known */
static uint64_t real_offset; /* ns */
static const char *source;
static uint32_t error_ppm;
static uint16_t pm_timer_port;

static void start_pit(void)
{
    outb(PIT_GATE, (inb(PIT_GATE) & ~2U) | 1); /* gate on, speaker off */
    outb(PIT_COMMAND, PIT_START);
    outb(PIT_CHANNEL, 0); /* from 65536: 55 ms */
    outb(PIT_CHANNEL, 0);
}

static bool pit_overrun(void)
{
    return inb(PIT_GATE) & 0x20;
}

/* What is latched is read later, when nobody waits for it. */
static void read_pit(struct reading *reading)
{
    reading->before = rdtsc();
    outb(PIT_COMMAND, PIT_LATCH);
    reading->after = rdtsc();
    uint32_t low = inb(PIT_CHANNEL);
    reading->count = -(low | (uint32_t)inb(PIT_CHANNEL) << 8);
}

static void read_pm_timer(struct reading *reading)
{
    reading->before = rdtsc();
    reading->count = inl(pm_timer_port);
    reading->after = rdtsc();
}

static const struct reference pit = {"PIT", PIT_HZ, 0xffff, start_pit, pit_overrun, read_pit};
static const struct reference pm_timer = {"ACPI PM timer", PM_TIMER_HZ, 0xffffff, NULL, NULL,
                                          read_pm_timer};

/* Reads once the counter is `ticks` beyond `from`, and counts on from there: a counter that wraps
 * once meanwhile is no harm. Of several readings it takes the one whose moment is known best: a host may
 * look away in any of them. False when the moment does not come. */
static bool read_after(const struct reference *ref, const struct reading *from, uint32_t ticks,
                       unsigned looks, struct reading *out)
{
    do {
        if (looks-- == 0)
            return false;
        ref->read(out);
    } while (((out->count - from->count) & ref->mask) < ticks);
    for (unsigned i = 1; i < READINGS; i++) {
        struct reading next;
        ref->read(&next);
        if (next.after - next.before < out->after - out->before)
            *out = next;
    }
    out->count = from->count + ((out->count - from->count) & ref->mask);
    return true;
}

/* The error: how well the moments are known, and one tick of the counter. */
static struct rate rate_between(const struct reference *ref, const struct reading *from,
                                const struct reading *to)
{
    uint64_t counted = to->count - from->count;
    uint64_t least = to->before - from->after, most = to->after - from->before;
    uint64_t ticks = (least + most) / 2;
    if (!counted || !ticks)
        return (struct rate){0, MILLION};
    return (struct rate){ticks * ref->hz / counted,
                         (most - least) * MILLION / 2 / ticks + MILLION / counted + 1};
}

/* Over all windows. What a single one differs by from that, beyond what both errors explain, is
 * error too. Nothing, when the host was away for so long that the counter may have wrapped. False
 * when it does not count. */
static bool measure(const struct reference *ref, struct rate *out)
{
    struct reading first, ends[WINDOWS + 1];
    *out = (struct rate){0, MILLION};
    if (ref->start)
        ref->start();
    ref->read(&first);
    if (!read_after(ref, &first, 1, STANDSTILL, &ends[0]))
        return false;
    for (unsigned i = 0; i < WINDOWS; i++)
        if (!read_after(ref, &ends[i], ref->hz / WINDOW_HZ, LOOKS, &ends[i + 1]))
            return false;
    if (ref->overrun && ref->overrun())
        return true;

    const struct rate all = rate_between(ref, &ends[0], &ends[WINDOWS]);
    uint64_t spread = 0;
    for (unsigned i = 0; all.hz && i < WINDOWS; i++) {
        struct rate one = rate_between(ref, &ends[i], &ends[i + 1]);
        uint64_t apart = one.hz > all.hz ? one.hz - all.hz : all.hz - one.hz;
        uint64_t ppm = apart * MILLION / all.hz, explained = one.error + all.error;
        if (ppm > explained && ppm - explained > spread)
            spread = ppm - explained;
    }
    *out = (struct rate){all.hz, all.error + spread < MILLION ? all.error + spread : MILLION};
    return true;
}

static void set_rate(uint64_t khz, const char *from, uint64_t error)
{
    tsc_khz = khz;
    source = from;
    error_ppm = (uint32_t)error;
    ns_per_tick = (1000000UL << 32) / khz;
    real_offset = (uint64_t)rtc_read() * 1000000000 - clock_boot_ns();
}

/* More attempts are for a host that was busy during the first. */
static bool calibrate(const struct reference *ref)
{
    struct rate best = {0, MILLION}, next;
    for (unsigned i = 0; i < ATTEMPTS && best.error > GOOD_PPM && measure(ref, &next); i++)
        if (next.error < best.error)
            best = next;
    bool found = best.error < MILLION && best.hz >= 1000;
    if (found)
        set_rate((best.hz + 500) / 1000, ref->name, best.error);
    return found;
}

/* The crystal behind the TSC where leaf 0x15 gives the ratio but not the crystal: one of those that
 * SDM vol. 3, 20.7.3 lists. Leaf 0x16 has the base frequency for people to read, up to 0.5 % off:
 * enough to tell which crystal it is, and not enough for a clock. 0: not to be told. */
static uint64_t crystal_hz(const struct cpuid *ratio)
{
    static const uint32_t known[] = {19200000, 24000000, 25000000};
    if (ratio->ecx || cpuid(0, 0).eax < 0x16)
        return ratio->ecx;
    uint64_t base_mhz = cpuid(0x16, 0).eax & 0xffff;
    uint64_t about = base_mhz * MILLION * ratio->eax / ratio->ebx;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint64_t apart = about > known[i] ? about - known[i] : known[i] - about;
        if (apart < known[i] / 100)
            return known[i];
    }
    return 0;
}

/* A hypervisor's word comes before the CPU's: it may show its guest another TSC. */
static bool ask_cpuid(void)
{
    if ((cpuid(1, 0).ecx >> 31 & 1) && cpuid(0x40000000, 0).eax >= 0x40000010) {
        uint32_t khz = cpuid(0x40000010, 0).eax;
        if (khz)
            set_rate(khz, "CPUID 0x40000010", 0);
    }
    if (!tsc_khz && cpuid(0, 0).eax >= 0x15) {
        struct cpuid ratio = cpuid(0x15, 0);
        uint64_t hz = ratio.eax && ratio.ebx ? crystal_hz(&ratio) * ratio.ebx / ratio.eax : 0;
        if (hz >= 1000)
            set_rate(hz / 1000, ratio.ecx ? "CPUID 0x15" : "CPUID 0x15 and 0x16", 0);
    }
    return tsc_khz;
}

void clock_init(uint64_t first_tsc)
{
    start_tsc = first_tsc;
    if (!ask_cpuid() && !calibrate(&pit))
        set_rate(GUESS_KHZ, "a guess: no source told it", MILLION);
}

bool clock_is_guess(void)
{
    return error_ppm == MILLION;
}

void clock_use_pm_timer(uint16_t port)
{
    pm_timer_port = port;
    calibrate(&pm_timer);
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

uint32_t clock_error_ppm(void)
{
    return error_ppm;
}

bool clock_tsc_invariant(void)
{
    return cpuid(0x80000000, 0).eax >= 0x80000007 && (cpuid(0x80000007, 0).edx >> 8 & 1);
}
