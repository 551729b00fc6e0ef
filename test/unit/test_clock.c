// sources: test/unit/stubs.c src/lib/format.c
/* Finding the TSC's rate, in a pretended machine: time passes with every access, a host looks away
 * now and then, and what is found must be as near the truth as the clock says. */
#include "stubs.h"
#include <string.h>

#include "cpu/io.h"
#include "cpu/regs.h"
#define inb         fake_inb
#define outb        fake_outb
#define inl         fake_inl
#define rdtsc       fake_rdtsc
#define cpuid(l, s) fake_cpuid(l, s)

#define PM_PORT 0x608
#define HPET_HZ 100000000

static struct {
    uint64_t ps;        /* since the machine was switched on */
    uint64_t tsc_hz;    /* the truth */
    uint64_t access_ps; /* what a port access takes, at most twice that */
    unsigned look_away; /* one in so many accesses takes longer, up to ... */
    uint64_t away_ps;   /* ... that; 0 never */
    uint64_t swing_ps;  /* the TSC changes its rate so often; 0 never */
    uint32_t pm_mask;
    bool pit, pm_timer;
    uint64_t pit_hz, pm_hz; /* what they say is true if this is 1193182, and 3579545 */
    uint64_t pit_start_ps;
    uint16_t latched;
    bool high_next;
    unsigned long accesses;
} machine;

static struct {
    uint32_t leaf;
    struct cpuid answer;
} leaves[8];

static void pass(uint64_t ps)
{
    machine.ps += ps;
}

static void access(void)
{
    machine.accesses++;
    uint64_t early = test_random() % machine.access_ps;
    pass(early);
    if (machine.look_away && random_below(machine.look_away) == 0)
        pass(random_below(machine.away_ps));
}

static uint64_t ticks_in(uint64_t ps, uint64_t hz)
{
    return (uint64_t)((unsigned __int128)ps * hz / 1000000000000);
}

static uint64_t pit_clocks(void)
{
    uint64_t ps = machine.ps - machine.pit_start_ps;
    return ticks_in(ps, machine.pit_hz);
}

/* The device answers somewhere in the middle of an access. */
static void fake_outb(uint16_t to, uint8_t value)
{
    access();
    if (to == 0x43 && value == 0xb0) {
        machine.high_next = false;
    } else if (to == 0x43 && value == 0x80) {
        machine.latched = (uint16_t)(0x10000 - pit_clocks() % 0x10000);
        machine.high_next = false;
    } else if (to == 0x42) {
        assert_int_equal(value, 0);
        machine.pit_start_ps = machine.ps;
    } else {
        assert_int_equal(to, 0x61);
        assert_int_equal(value & 3, 1);
    }
    access();
}

static uint8_t fake_inb(uint16_t from)
{
    access();
    access();
    if (!machine.pit)
        return 0xff;
    if (from == 0x61)
        return pit_clocks() >= 0x10000 ? 0x20 : 0;
    assert_int_equal(from, 0x42);
    machine.high_next = !machine.high_next;
    return (uint8_t)(machine.high_next ? machine.latched : machine.latched >> 8);
}

static uint32_t fake_inl(uint16_t from)
{
    assert_int_equal(from, PM_PORT);
    access();
    uint32_t count = (uint32_t)ticks_in(machine.ps, machine.pm_hz) & machine.pm_mask;
    access();
    return machine.pm_timer ? count : machine.pm_mask;
}

static uint64_t fake_rdtsc(void)
{
    pass(10000);
    uint64_t ps = machine.ps;
    if (machine.swing_ps) { /* every other span counts twice */
        uint64_t spans = ps / machine.swing_ps;
        ps += spans / 2 * machine.swing_ps + spans % 2 * (ps % machine.swing_ps);
    }
    return ticks_in(ps, machine.tsc_hz);
}

static struct cpuid fake_cpuid(uint32_t leaf, uint32_t subleaf)
{
    (void)subleaf;
    for (unsigned i = 0; i < 8; i++)
        if (leaves[i].leaf == leaf)
            return leaves[i].answer;
    return (struct cpuid){0};
}

#define clock_boot_ns real_clock_boot_ns
#include "cpu/calibrate.c"
#include "cpu/clock.c"
#include "dev/register.c"
#include "dev/timers.c"

/* In the place of timer_hpet's, which reads memory. */
static void fake_hpet(struct reading *reading)
{
    reading->before = fake_rdtsc();
    access();
    reading->count = (uint32_t)ticks_in(machine.ps, HPET_HZ);
    access();
    reading->after = fake_rdtsc();
}

static const struct reference hpet = {"HPET", HPET_HZ, UINT32_MAX, NULL, NULL, fake_hpet};

enum { PIT = 1, PM_TIMER = 2, HPET = 4, ALL = 7 };

/* As at boot, with the counters that the tables list. */
static void start_with(unsigned listed)
{
    static const struct device_register port = {REGISTER_PORT, 4, {.port = PM_PORT}};
    const struct reference *counters[REFERENCES_MAX];
    size_t count = 0;
    if (listed & PIT)
        counters[count++] = timer_pit();
    if (listed & PM_TIMER)
        counters[count++] = timer_acpi(&port);
    if (listed & HPET)
        counters[count++] = &hpet;
    clock_init(0);
    if (!clock_runs())
        clock_calibrate(counters, count);
}

static void start(void)
{
    start_with(PIT);
}

static bool is_guess(void)
{
    return clock_error_ppm() == MILLION;
}

/* A machine that was switched on at some time, with a TSC and a PIT and nothing that tells. */
static int switch_on(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof machine);
    memset(leaves, 0xff, sizeof leaves);
    machine.ps = random_below(100000000000000);
    machine.tsc_hz = 500000000 + random_below(5500000000);
    machine.access_ps = 500000;
    machine.pit = true;
    machine.pm_timer = true;
    machine.pm_mask = 0xffffff;
    machine.pit_hz = 1193182;
    machine.pm_hz = 3579545;
    tsc_khz = ns_per_tick = error_ppm = 0;
    source = NULL;
    last_klog[0] = 0;
    return 0;
}

static void tells(unsigned which, uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx)
{
    leaves[which].leaf = leaf;
    leaves[which].answer = (struct cpuid){.eax = eax, .ebx = ebx, .ecx = ecx};
}

static uint64_t error_now(void)
{
    uint64_t found = tsc_khz * 1000, truth = machine.tsc_hz;
    return (found > truth ? found - truth : truth - found) * 1000000 / truth;
}

static void assert_found(const char *by, uint64_t worst_ppm)
{
    assert_string_equal(clock_source(), by);
    if (error_now() > clock_error_ppm() || clock_error_ppm() > worst_ppm)
        fail_msg("%lu Hz taken for %lu kHz: said to be off by %u ppm, allowed are %lu",
                 machine.tsc_hz, clock_tsc_khz(), clock_error_ppm(), worst_ppm);
}

static void test_rate_is_measured_against_the_pit_within_the_stated_error(void **state)
{
    for (unsigned i = 0; i < 300; i++) {
        switch_on(state);
        uint64_t begin = machine.ps;
        start();
        assert_found("PIT", 200);
        assert_in_range(machine.ps - begin, 15000000000, 17000000000);
    }
}

static void test_a_host_that_looks_away_costs_no_accuracy(void **state)
{
    unsigned guesses = 0;
    for (unsigned i = 0; i < 300; i++) {
        bool gone = random_below(2); /* up to 200 ms, else up to 20 us */
        switch_on(state);
        machine.look_away = 1 + (unsigned)random_below(gone ? 100000 : 1000);
        machine.away_ps = gone ? 200000000000 : 20000000;
        start();
        if (!is_guess())
            assert_found("PIT", 5000);
        guesses += is_guess();
    }
    assert_in_range(guesses, 0, 75);
}

static void test_a_slow_port_is_in_the_stated_error(void **state)
{
    machine.access_ps = 20000000;
    start();
    assert_found("PIT", 5000);
    assert_in_range(clock_error_ppm(), 100, 5000); /* a quick one: 60 */
    switch_on(state);
}

static void test_a_tsc_that_changes_its_rate_is_in_the_stated_error(void **state)
{
    for (unsigned i = 0; i < 100; i++) {
        switch_on(state);
        machine.swing_ps = 4000000000;
        start();
        assert_string_equal(clock_source(), "PIT");
        assert_in_range(clock_error_ppm(), 10000, 500000);
    }
}

static void test_all_counters_together_take_little_longer_and_agree(void **state)
{
    for (unsigned i = 0; i < 300; i++) {
        switch_on(state);
        uint64_t begin = machine.ps;
        start_with(ALL);
        assert_found("PIT", 200);
        assert_in_range(machine.ps - begin, 19000000000, 22000000000);
    }
}

static void test_without_a_pit_the_next_counter_tells(void **state)
{
    static const struct {
        unsigned listed;
        const char *source;
    } machines[] = {{PIT | PM_TIMER, "ACPI PM timer"},
                    {PM_TIMER | HPET, "ACPI PM timer"},
                    {PIT | HPET, "HPET"},
                    {HPET, "HPET"}};
    for (unsigned i = 0; i < 100; i++) {
        switch_on(state);
        machine.pit = false;
        machine.pm_mask = random_below(2) ? 0xffffff : 0xffffffff;
        start_with(machines[i % 4].listed);
        assert_found(machines[i % 4].source, 200);
    }
}

static void test_the_pm_timer_may_wrap_while_it_is_read(void **state)
{
    (void)state;
    machine.ps = 4686000000000; /* 5 ms before 2^24 ticks */
    start_with(PM_TIMER);
    assert_found("ACPI PM timer", 200);
}

static void test_counter_that_lies_is_outvoted_and_named(void **state)
{
    for (unsigned i = 0; i < 100; i++) {
        switch_on(state);
        bool faster = random_below(2);
        machine.pit_hz = faster ? 1200000 : 1170000 - random_below(500000);
        start_with(ALL);
        assert_found("ACPI PM timer", 200);
        assert_string_equal(last_klog,
                            "time: the PIT disagrees with the ACPI PM timer: not believed");
        switch_on(state);
        machine.pm_hz = faster ? 14318180 : 3500000;
        start_with(ALL);
        assert_found("PIT", 200);
        assert_string_equal(last_klog,
                            "time: the ACPI PM timer disagrees with the PIT: not believed");
    }
}

static void test_where_two_disagree_and_nobody_decides_the_doubt_is_in_the_error(void **state)
{
    for (unsigned i = 0; i < 100; i++) {
        switch_on(state);
        machine.pit_hz = 1000000 + random_below(180000);
        start_with(PIT | PM_TIMER);
        assert_found("ACPI PM timer", 200000);
        assert_in_range(clock_error_ppm(), 9000, 200000);
        switch_on(state);
        machine.pm_hz = 3000000 + random_below(500000);
        start_with(PIT | PM_TIMER);
        assert_found("ACPI PM timer", 200000); /* the liar: it might be any of the two */
    }
}

/* Two errors add: what is measured badly agrees with whatever one likes. */
static void
test_a_bad_measurement_is_not_preferred_to_the_good_one_that_it_agrees_with(void **state)
{
    (void)state;
    static const struct {
        struct rate rates[3];
        size_t chosen;
    } cases[] = {
        {{{2600000000, 300000}, {2000000000, 20}}, 1},
        {{{2600000000, 300000}, {2000000000, 20}, {2000000100, 20}}, 1},
        {{{2600000000, 300000}, {2000000000, 400000}}, 0},
        {{{2000000000, 60}, {2000000100, 20}}, 0}, /* good enough */
        {{{2000000000, 60}, {2600000000, 300000}}, 0},
        {{{2600000000, 300000}, {1000000000, 20}, {2600000100, 20}}, 2},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(choose(cases[i].rates, 3), cases[i].chosen);
}

static void test_counters_that_stand_still_are_given_up_soon_and_named(void **state)
{
    (void)state;
    machine.pit = machine.pm_timer = false;
    start_with(PIT | PM_TIMER);
    assert_true(is_guess());
    assert_int_equal(clock_tsc_khz(), 1000000);
    assert_true(machine.accesses < 100000);
    assert_string_equal(last_klog, "time: the ACPI PM timer does not count");
    switch_on(state);
    start_with(0);
    assert_true(is_guess());
}

static void test_time_stands_until_the_rate_is_known(void **state)
{
    (void)state;
    machine.tsc_hz = 2500000000;
    clock_init(0);
    assert_false(clock_runs());
    pass(1000000000000);
    assert_int_equal(clock_boot_ns(), 0);
    start();
    assert_true(clock_runs());
    assert_in_range(clock_boot_ns(), machine.ps / 1000 - machine.ps / 1000000,
                    machine.ps / 1000 + machine.ps / 1000000);
}

static void test_hpet_is_started_and_its_period_is_its_rate(void **state)
{
    (void)state;
    static uint32_t registers[HPET_SIZE / 4];
    const char *fault = NULL;
    static const struct {
        uint32_t period, hz;
    } good[] = {
        {10000000, 100000000}, {69841279, 14318180}, {41666667, 24000000}, {100000000, 10000000}};
    for (unsigned i = 0; i < 4; i++) {
        registers[1] = good[i].period;
        registers[4] = 2;
        const struct reference *ref = timer_hpet(registers, &fault);
        assert_non_null(ref);
        assert_int_equal(ref->hz, good[i].hz);
        assert_int_equal(registers[4], 3);
        struct reading reading;
        registers[0xf0 / 4] = 0xfffffff0;
        ref->read(&reading);
        assert_int_equal(reading.count, 0xfffffff0);
    }
    static const uint32_t bad[] = {0, 1, 100000001, 0xffffffff};
    for (unsigned i = 0; i < 4; i++) {
        registers[1] = bad[i];
        registers[4] = 0;
        fault = NULL;
        assert_null(timer_hpet(registers, &fault));
        assert_string_equal(fault, "impossible period");
        assert_int_equal(registers[4], 0);
    }
}

static void test_leaf_0x15_is_believed(void **state)
{
    (void)state;
    tells(0, 0, 0x16, 0, 0);
    tells(1, 0x15, 2, 188, 38400000);
    start();
    assert_string_equal(clock_source(), "CPUID 0x15");
    assert_int_equal(clock_tsc_khz(), 3609600);
    assert_int_equal(clock_error_ppm(), 0);
    assert_int_equal(machine.accesses, 0);
}

static void test_leaf_0x15_at_its_largest_does_not_overflow(void **state)
{
    (void)state;
    tells(0, 0, 0x15, 0, 0);
    tells(1, 0x15, 0xffffffff, 0xffffffff, 0xffffffff);
    start();
    assert_int_equal(clock_tsc_khz(), 4294967);
}

/* Skylake: leaf 0x16 says 2600 MHz, but the TSC runs at 24 MHz * 216 / 2. */
static void test_leaf_0x16_tells_which_crystal_and_not_the_rate(void **state)
{
    static const struct {
        uint32_t eax, ebx, mhz;
        uint64_t khz;
    } cpus[] = {{2, 216, 2600, 2592000},
                {2, 300, 3600, 3600000},
                {2, 176, 2200, 2200000},
                {3, 171, 1100, 1094400},
                {2, 168, 2100, 2100000}};
    for (unsigned i = 0; i < sizeof cpus / sizeof cpus[0]; i++) {
        switch_on(state);
        tells(0, 0, 0x16, 0, 0);
        tells(1, 0x15, cpus[i].eax, cpus[i].ebx, 0);
        tells(2, 0x16, cpus[i].mhz, 0, 0);
        start();
        assert_string_equal(clock_source(), "CPUID 0x15 and 0x16");
        assert_int_equal(clock_tsc_khz(), cpus[i].khz);
    }
}

static void test_leaves_that_do_not_tell_are_passed_over(void **state)
{
    static const struct {
        uint32_t top, eax, ebx, mhz;
    } cpus[] = {{0x16, 0, 216, 2600}, {0x16, 2, 0, 2600},   {0x15, 2, 216, 2600},
                {0x16, 2, 216, 0},    {0x16, 2, 216, 3000}, {0xd, 2, 216, 2600}};
    for (unsigned i = 0; i < sizeof cpus / sizeof cpus[0]; i++) {
        switch_on(state);
        tells(0, 0, cpus[i].top, 0, 0);
        tells(1, 0x15, cpus[i].eax, cpus[i].ebx, 0);
        tells(2, 0x16, cpus[i].mhz, 0, 0);
        tells(3, 0x40000000, 0x40000010, 0, 0);
        tells(4, 0x40000010, 1234567, 0, 0); /* without a hypervisor's bit */
        start();
        assert_found("PIT", 200);
    }
}

static void test_a_hypervisors_word_comes_first(void **state)
{
    (void)state;
    tells(0, 0, 0x16, 0, 0);
    tells(1, 0x15, 2, 188, 38400000);
    tells(2, 1, 0, 0, 1U << 31);
    tells(3, 0x40000000, 0x40000010, 0, 0);
    tells(4, 0x40000010, 2599998, 0, 0);
    start();
    assert_string_equal(clock_source(), "CPUID 0x40000010");
    assert_int_equal(clock_tsc_khz(), 2599998);
    switch_on(state);
    tells(0, 0, 0x16, 0, 0);
    tells(1, 0x15, 2, 188, 38400000);
    tells(2, 1, 0, 0, 1U << 31);
    tells(3, 0x40000000, 0x4000000f, 0, 0); /* has no such leaf */
    tells(4, 0x40000010, 2599998, 0, 0);
    start();
    assert_string_equal(clock_source(), "CPUID 0x15");
}

static void test_invariance_is_what_cpuid_says(void **state)
{
    (void)state;
    tells(0, 0x80000000, 0x80000008, 0, 0);
    tells(1, 0x80000007, 0, 0, 0);
    assert_false(clock_tsc_invariant());
    leaves[1].answer.edx = 1 << 8;
    assert_true(clock_tsc_invariant());
    leaves[0].answer.eax = 0x80000006;
    assert_false(clock_tsc_invariant());
}

static void
test_boot_time_starts_at_the_first_instruction_and_the_wall_clock_goes_with_it(void **state)
{
    (void)state;
    machine.tsc_hz = 2500000000;
    uint64_t begin = machine.ps;
    clock_init(fake_rdtsc());
    const struct reference *pit = timer_pit();
    clock_calibrate(&pit, 1);
    uint64_t passed = (machine.ps - begin) / 1000;
    assert_in_range(clock_boot_ns(), passed - passed / 1000 - 20, passed + passed / 1000 + 20);
    clock_set_real(1700000000);
    uint64_t set = machine.ps;
    pass(5000000000000);
    uint64_t real = clock_real_ns() - 1700000000000000000, truth = (machine.ps - set) / 1000;
    assert_in_range(real, truth - truth / 1000, truth + truth / 1000);
}

/* Looks every `ps` until it is over. How many that took. */
static unsigned long looks_until_over(struct patience *patience, uint64_t ps)
{
    for (unsigned long looks = 1;; looks++) {
        pass(ps);
        if (patience_is_over(patience))
            return looks;
        assert_true(looks < 10000000);
    }
}

/* As near as the clock's rate was measured, and as a look comes. */
static void assert_about(uint64_t ns, uint64_t expected)
{
    uint64_t slack = expected / 500 + 25000;
    assert_in_range(ns + slack, expected, expected + 2 * slack);
}

static void test_patience_is_time_where_looks_come_often(void **state)
{
    static const uint64_t spans_ns[] = {200000, 90000000, 20000000000};
    for (unsigned i = 0; i < 3; i++) {
        switch_on(state);
        start();
        struct patience patience = patience_of(spans_ns[i]);
        uint64_t begin = machine.ps;
        looks_until_over(&patience, 10000000);
        uint64_t ns = (machine.ps - begin) / 1000;
        assert_about(ns, spans_ns[i]);
        assert_true(patience_is_over(&patience)); /* and stays so */
    }
}

/* A minute in which nobody ran, at any moment of the wait, and many of them. */
static void test_patience_outlasts_a_machine_that_is_stopped(void **state)
{
    static const uint64_t spans_ns[] = {200000, 90000000, 20000000000};
    for (unsigned i = 0; i < 3; i++) {
        switch_on(state);
        start();
        struct patience patience = patience_of(spans_ns[i]);
        for (unsigned pauses = 0; pauses < 15; pauses++) {
            pass(60000000000000);
            assert_false(patience_is_over(&patience));
        }
        uint64_t begin = machine.ps;
        looks_until_over(&patience, 10000000);
        uint64_t left = spans_ns[i] - 15 * patience.step, ns = (machine.ps - begin) / 1000;
        assert_about(ns, left);
    }
}

/* Bounded by its looks all the same, and not longer than what it is told where time stands or goes back. */
static void test_patience_ends_however_slow_the_looks_are(void **state)
{
    (void)state;
    start();
    struct patience patience = patience_of(200000);
    assert_in_range(looks_until_over(&patience, 5000000000000), 16, 17);
    patience = patience_of(20000000000);
    assert_in_range(looks_until_over(&patience, 5000000000000), 20000, 20000);
    patience = patience_of(90000000);
    for (unsigned looks = 1; looks < 90; looks++) {
        machine.ps -= 10000000;
        assert_false(patience_is_over(&patience));
    }
    machine.ps -= 10000000;
    assert_true(patience_is_over(&patience));
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, switch_on)
    const struct CMUnitTest tests[] = {
        test(test_rate_is_measured_against_the_pit_within_the_stated_error),
        test(test_a_host_that_looks_away_costs_no_accuracy),
        test(test_a_slow_port_is_in_the_stated_error),
        test(test_a_tsc_that_changes_its_rate_is_in_the_stated_error),
        test(test_all_counters_together_take_little_longer_and_agree),
        test(test_without_a_pit_the_next_counter_tells),
        test(test_the_pm_timer_may_wrap_while_it_is_read),
        test(test_counter_that_lies_is_outvoted_and_named),
        test(test_where_two_disagree_and_nobody_decides_the_doubt_is_in_the_error),
        test(test_a_bad_measurement_is_not_preferred_to_the_good_one_that_it_agrees_with),
        test(test_counters_that_stand_still_are_given_up_soon_and_named),
        test(test_time_stands_until_the_rate_is_known),
        test(test_hpet_is_started_and_its_period_is_its_rate),
        test(test_leaf_0x15_is_believed),
        test(test_leaf_0x15_at_its_largest_does_not_overflow),
        test(test_leaf_0x16_tells_which_crystal_and_not_the_rate),
        test(test_leaves_that_do_not_tell_are_passed_over),
        test(test_a_hypervisors_word_comes_first),
        test(test_invariance_is_what_cpuid_says),
        test(test_patience_is_time_where_looks_come_often),
        test(test_patience_outlasts_a_machine_that_is_stopped),
        test(test_patience_ends_however_slow_the_looks_are),
        test(test_boot_time_starts_at_the_first_instruction_and_the_wall_clock_goes_with_it),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
