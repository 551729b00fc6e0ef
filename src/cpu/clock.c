/* Time is the TSC's. Its rate is from CPUID where CPU or hypervisor tell it, else measured. */

#include "cpu/clock.h"
#include "cpu/calibrate.h"
#include "cpu/regs.h"

#define GUESS_KHZ        1000000
#define PATIENCE_STEP_NS 1000000UL

static uint64_t start_tsc, tsc_khz;
static uint64_t ns_per_tick; /* 32.32 fixed point; 0 until known */
static uint64_t real_offset; /* ns */
static const char *source;
static uint32_t error_ppm;

static void set_rate(uint64_t khz, const char *from, uint64_t error)
{
    tsc_khz = khz;
    source = from;
    error_ppm = (uint32_t)error;
    ns_per_tick = (1000000UL << 32) / khz;
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
static void ask_cpuid(void)
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
}

void clock_init(uint64_t first_tsc)
{
    start_tsc = first_tsc;
    ask_cpuid();
}

bool clock_runs(void)
{
    return ns_per_tick;
}

void clock_calibrate(const struct reference *const references[], size_t count)
{
    struct rate rate;
    const struct reference *by = calibrate(references, count, &rate);
    if (by)
        set_rate((rate.hz + 500) / 1000, by->name, rate.error);
    else
        set_rate(GUESS_KHZ, "a guess: no source told it", MILLION);
}

void clock_set_real(int64_t seconds)
{
    real_offset = (uint64_t)seconds * 1000000000 - clock_boot_ns();
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

struct patience patience_of(uint64_t ns)
{
    return (struct patience){.left = ns,
                             .step = ns / 16 < PATIENCE_STEP_NS ? ns / 16 : PATIENCE_STEP_NS,
                             .last = clock_boot_ns()};
}

bool patience_is_over(struct patience *patience)
{
    uint64_t now = clock_boot_ns(), passed = now - patience->last;
    patience->last = now;
    if (passed > patience->step) /* or negative, where a TSC was set back */
        passed = patience->step;
    patience->left -= passed < patience->left ? passed : patience->left;
    return !patience->left;
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
