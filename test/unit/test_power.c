// sources: test/unit/stubs.c src/smp/fadt.c src/lib/format.c
/* Switching off and restarting, in a pretended machine: what is written where, in which order, by what
 * the tables say; and the keyboard that is waited for. */
#include "stubs.h"
#include <string.h>

#include "cpu/io.h"
#include "cpu/regs.h"
#define inb            fake_inb
#define inw            fake_inw
#define inl            fake_inl
#define outb           fake_outb
#define outw           fake_outw
#define outl           fake_outl
#define io_wait        fake_io_wait
#define cpuid(l, s)    fake_cpuid(l, s)
#define cpu_relax      fake_io_wait
#define halt_forever() leave("halt")
#define triple_fault() leave("triple fault")

static char trace[1000]; /* writes: "604w=2000 " */
static jmp_buf end;
static const char *end_by;
static unsigned long waits;

static struct {
    uint16_t pm1;       /* what both PM1 registers read */
    uint8_t debug_exit; /* port 0xf4 reads that */
    bool guest;         /* CPUID's word */
    int serial;         /* the next byte */
    int status;         /* of the 8042; -1: as the queue below says */
    struct {
        uint8_t byte, flags;
    } typed[16];
    unsigned typed_count, typed_next;
    uint8_t config, command; /* of the 8042 */
} machine_is;

static _Noreturn void leave(const char *by)
{
    end_by = by;
    longjmp(end, 1);
}

static void note(uint16_t port, char size, uint32_t value)
{
    size_t length = strlen(trace);
    snprintf(trace + length, sizeof(trace) - length, "%x%c=%x ", port, size, value);
}

static void fake_io_wait(void)
{
    if (++waits > 100000000)
        fail_msg("a wait without an end");
}

static uint8_t fake_inb(uint16_t port)
{
    if (port == 0xf4)
        return machine_is.debug_exit;
    if (port == 0x64) {
        if (machine_is.status >= 0)
            return (uint8_t)machine_is.status;
        return machine_is.typed_next < machine_is.typed_count
                   ? 1 | machine_is.typed[machine_is.typed_next].flags
                   : 0;
    }
    assert_int_equal(port, 0x60);
    return machine_is.typed_next < machine_is.typed_count
               ? machine_is.typed[machine_is.typed_next++].byte
               : 0x1e;
}

static void type(uint8_t byte, uint8_t flags)
{
    assert_true(machine_is.typed_count < 16);
    machine_is.typed[machine_is.typed_count].byte = byte;
    machine_is.typed[machine_is.typed_count++].flags = flags;
}

static uint16_t fake_inw(uint16_t port)
{
    assert_true(port == 0x604 || port == 0x704);
    return machine_is.pm1;
}

static uint32_t fake_inl(uint16_t port)
{
    fail_msg("reads port %x", port);
    return 0;
}

static void fake_outb(uint16_t port, uint8_t value)
{
    note(port, 'b', value);
    if (port == 0x64) {
        machine_is.command = value;
        if (value == 0x20)
            type(machine_is.config, 0);
    } else if (port == 0x60 && machine_is.command == 0x60) {
        machine_is.config = value;
        machine_is.command = 0;
    } else if (port == 0x60) {
        type(0xfa, 0);
    }
}

static void fake_outw(uint16_t port, uint16_t value)
{
    note(port, 'w', value);
}

static void fake_outl(uint16_t port, uint32_t value)
{
    note(port, 'l', value);
}

static struct cpuid fake_cpuid(uint32_t leaf, uint32_t subleaf)
{
    assert_int_equal(leaf + subleaf, 1);
    return (struct cpuid){.ecx = machine_is.guest ? 1U << 31 : 0};
}

#include "dev/keyboard.c"
#undef DATA
#undef STATUS
#undef COMMAND
#include "dev/power.c"
#include "dev/register.c"
#include "smp/platform.c"

int console_read_byte(void)
{
    int byte = machine_is.serial;
    machine_is.serial = -1;
    return byte;
}

void console_write(const char *bytes, size_t length)
{
    (void)length;
    snprintf(last_klog, sizeof(last_klog), "%s", bytes);
}

void console_flush(void)
{
}

void channel_flush(void)
{
}

/* What platform.c is given. */
static uint8_t device[16];
static uint64_t device_at = 0xfed80800;
static uint8_t tables[3][80]; /* the DSDT, two SSDTs */

void *map_physical(phys_addr_t pa, uint64_t size, uint64_t flags)
{
    assert_int_equal(flags, PTE_W | PTE_PCD | PTE_PWT);
    return pa >= device_at && pa + size <= device_at + sizeof(device) ? device + (pa - device_at)
                                                                      : NULL;
}

const void *acpi_table(const char signature[4])
{
    fail_msg("looks for %.4s", signature);
    return NULL;
}

const void *acpi_map_table(uint64_t address, const char *signature)
{
    assert_string_equal(signature, "DSDT");
    return address ? tables[0] : NULL;
}

const void *acpi_next_table(const char signature[4], size_t *index)
{
    assert_memory_equal(signature, "SSDT", 4);
    return *index < 2 ? tables[++*index] : NULL;
}

bool clock_runs(void)
{
    return true;
}

void clock_calibrate(const struct reference *const references[], size_t count)
{
    (void)references;
    (void)count;
}

void clock_set_real(int64_t seconds)
{
    (void)seconds;
}

void clock_delay_us(uint64_t us)
{
    (void)us;
}

int64_t rtc_read(void)
{
    return 0;
}

const struct reference *timer_pit(void)
{
    return NULL;
}

const struct reference *timer_acpi(const struct device_register *counter)
{
    (void)counter;
    return NULL;
}

const struct reference *timer_hpet(volatile void *registers, const char **fault)
{
    (void)registers;
    (void)fault;
    return NULL;
}

static void put_table(unsigned which, const char *aml, size_t size)
{
    memset(tables[which], 0, sizeof(tables[which]));
    memcpy(tables[which] + 36, aml, size);
    tables[which][4] = sizeof(tables[which]);
}

#define S5(a, b) "\x08_S5_\x12\x08\x02\x0a" a "\x0a" b, 13

static int switch_on(void **state)
{
    (void)state;
    memset(&machine_is, 0, sizeof(machine_is));
    memset(&machine, 0, sizeof(machine));
    memset(&fadt, 0, sizeof(fadt));
    memset(device, 0, sizeof(device));
    machine_is.status = machine_is.serial = -1;
    machine_is.debug_exit = 0xff;
    machine_is.config = 0x67;
    poweroff_choice = CHOICE_AUTO;
    absent = waited = false;
    leaving = 0;
    trace[0] = last_klog[0] = 0;
    waits = 0;
    put_table(0, S5("\x05", "\x06"));
    put_table(1, "", 0);
    put_table(2, "", 0);
    fadt.dsdt = 0x1000;
    return 0;
}

#define ENDS(statement, by)                                                                        \
    do {                                                                                           \
        if (setjmp(end) == 0) {                                                                    \
            statement;                                                                             \
            fail_msg("it comes back");                                                             \
        }                                                                                          \
        assert_string_equal(end_by, by);                                                           \
    } while (0)

static struct acpi_register at(uint8_t space, uint64_t address)
{
    return (struct acpi_register){.space = space, .address = address};
}

static void test_s5_is_entered_by_both_ports_type_before_enable(void **state)
{
    (void)state;
    fadt.pm1a_control = at(ACPI_SPACE_IO, 0x604);
    fadt.pm1b_control = at(ACPI_SPACE_IO, 0x704);
    machine_is.pm1 = 0xffff; /* what is not SLP stays as it is */
    platform_prepare_power();
    ENDS(power_off(EXIT_PASS), "halt");
    assert_string_equal(trace, "f4b=10 604w=d7ff 704w=dbff 604w=f7ff 704w=fbff ");
    assert_true(waits >= OFF_LOOKS);
    assert_string_equal(last_klog, "The machine is halted: it is now safe to switch off.\n");
}

static void test_acpi_mode_is_switched_on_where_the_firmware_has_the_registers(void **state)
{
    (void)state;
    fadt.pm1a_control = at(ACPI_SPACE_IO, 0x604);
    fadt.smi_command = 0xb2;
    fadt.acpi_enable = 0xe1;
    platform_prepare_power();
    assert_string_equal(trace, "b2b=e1 ");
    assert_string_equal(last_klog, "acpi: the firmware does not hand over the power registers");
    switch_on(state);
    fadt.pm1a_control = at(ACPI_SPACE_IO, 0x604);
    fadt.smi_command = 0xb2;
    fadt.acpi_enable = 0xe1;
    machine_is.pm1 = 1;
    platform_prepare_power();
    assert_string_equal(trace, "");
    switch_on(state);
    fadt.pm1a_control = at(ACPI_SPACE_IO, 0x604);
    fadt.smi_command = 0x100b2;
    fadt.acpi_enable = 0xe1;
    platform_prepare_power();
    assert_string_equal(trace, "");
    assert_string_equal(last_klog, "acpi: FADT: the SMI command port 0x100b2 is none: ignored");
}

static void test_faults_on_the_way_out_end_in_a_halt(void **state)
{
    (void)state;
    machine_is.guest = true;
    ENDS(power_off(EXIT_PASS), "halt");
    ENDS(power_off(EXIT_PANIC), "halt");
    assert_string_equal(trace, "f4b=10 f4b=12 ");
    trace[0] = last_klog[0] = 0;
    ENDS(power_off(EXIT_PANIC), "halt");
    assert_string_equal(trace, "");
    assert_string_equal(last_klog, "");
}

static void test_s5_may_be_in_memory_and_described_by_an_ssdt(void **state)
{
    (void)state;
    put_table(0, "", 0);
    put_table(2, S5("\x07", "\x00"));
    fadt.pm1a_control = at(ACPI_SPACE_MEMORY, device_at + 4);
    memcpy(device + 2, "\x11\x22\x01\x00\x33\x44", 6);
    platform_prepare_power();
    ENDS(power_off(EXIT_FAIL), "halt");
    assert_string_equal(trace, "f4b=11 ");
    assert_memory_equal(device + 2, "\x11\x22\x01\x3c\x33\x44", 6);
}

static void test_hardware_reduced_machine_is_switched_off_by_sleep_control(void **state)
{
    (void)state;
    fadt.hardware_reduced = true;
    fadt.sleep_control = at(ACPI_SPACE_IO, 0x600);
    platform_prepare_power();
    ENDS(power_off(EXIT_PASS), "halt");
    assert_string_equal(trace, "f4b=10 600b=34 ");
    switch_on(state);
    fadt.sleep_control = at(ACPI_SPACE_MEMORY, device_at + 3);
    platform_prepare_power();
    ENDS(power_off(EXIT_PASS), "halt");
    assert_memory_equal(device + 2, "\0\x34\0", 3);
}

static void test_without_s5_no_register_is_touched_and_nobody_waits(void **state)
{
    (void)state;
    put_table(0, "", 0);
    fadt.pm1a_control = at(ACPI_SPACE_IO, 0x604);
    platform_prepare_power();
    assert_string_equal(last_klog, "acpi: no \\_S5: the machine cannot switch itself off");
    ENDS(power_off(EXIT_PASS), "halt");
    assert_string_equal(trace, "f4b=10 ");
    assert_int_equal(waits, 0);
}

static void test_reset_register_may_be_a_port_memory_or_configuration_space(void **state)
{
    (void)state;
    fadt.reset_value = 0x0f;
    fadt.reset = at(ACPI_SPACE_IO, 0xcf9);
    platform_prepare_power();
    ENDS(power_restart(), "triple fault");
    assert_string_equal(trace, "cf9b=f 64b=fe ");
    assert_string_equal(last_klog, "power: no reset by the 8042");

    switch_on(state);
    machine_is.status = 0xff; /* no 8042 */
    fadt.reset_value = 6;
    fadt.reset = at(ACPI_SPACE_PCI, 31UL << 32 | 7UL << 16 | 0xae);
    platform_prepare_power();
    ENDS(power_restart(), "triple fault");
    assert_string_equal(trace, "cf8l=8000ffac cfeb=6 ");
    assert_string_equal(last_klog, "power: no reset by the FADT's register");

    switch_on(state);
    absent = true;
    fadt.reset_value = 0xa5;
    fadt.reset = at(ACPI_SPACE_MEMORY, device_at + 15);
    platform_prepare_power();
    ENDS(power_restart(), "triple fault");
    assert_string_equal(trace, "");
    assert_int_equal(device[15], 0xa5);
}

static void test_8042_that_takes_nothing_holds_nobody_up(void **state)
{
    (void)state;
    machine_is.status = 0x02;
    ENDS(power_restart(), "triple fault");
    assert_string_equal(trace, "");
    assert_in_range(waits, 1, LOOKS);
}

static void test_register_that_cannot_be_reached_is_named_and_none(void **state)
{
    (void)state;
    const struct {
        struct acpi_register reg;
        uint8_t size;
    } bad[] = {
        {at(ACPI_SPACE_IO, 0xffff), 2},
        {at(ACPI_SPACE_IO, 0x10000), 1},
        {at(ACPI_SPACE_IO, 0xffffffffffffffff), 4},
        {at(ACPI_SPACE_MEMORY, device_at + 1), 2},
        {at(ACPI_SPACE_MEMORY, device_at + 16), 1},
        {at(ACPI_SPACE_PCI, 32UL << 32 | 4), 1},
        {at(ACPI_SPACE_PCI, 1UL << 32 | 8UL << 16 | 4), 1},
        {at(ACPI_SPACE_PCI, 1UL << 32 | 0x100), 1},
        {at(ACPI_SPACE_PCI, 1UL << 48 | 4), 1},
        {at(5, 0x604), 1},
        {at(0x7f, 0x604), 1},
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        switch_on(state);
        assert_int_equal(reach(&bad[i].reg, bad[i].size).kind, REGISTER_NONE);
        assert_non_null(strstr(last_klog, "cannot be reached: ignored"));
    }
    switch_on(state);
    const struct acpi_register none = at(ACPI_SPACE_IO, 0);
    assert_int_equal(reach(&none, 2).kind, REGISTER_NONE);
    assert_string_equal(last_klog, "");
}

static void test_virtual_machine_waits_for_nobody(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        switch_on(state);
        machine_is.guest = i == 0;
        machine_is.debug_exit = i == 0 ? 0xff : 0;
        assert_false(power_wait("status 0"));
        assert_string_equal(trace, "");
        assert_string_equal(last_klog, "");
    }
    switch_on(state);
    power_set_choice(CHOICE_ON);
    assert_false(power_wait("status 0"));
    switch_on(state);
    machine_is.guest = true;
    power_set_choice(CHOICE_OFF);
    ENDS(power_wait("status 3"), "halt");
    assert_string_equal(last_klog, "power: poweroff=off: halted, status 3");
}

/* Keys that come once the machine waits, behind what the keyboard's own answers are. */
static void test_key_is_waited_for_and_nothing_else_is_one(void **state)
{
    (void)state;
    assert_true(keyboard_init());
    assert_string_equal(trace, "64b=ad 64b=20 64b=60 60b=64 64b=ae 60b=f4 ");
    assert_int_equal(machine_is.config & 0x53, 0x40); /* translates, sends, interrupts nobody */
    assert_int_equal(keyboard_read(), -1);
    machine_is.typed_count = machine_is.typed_next = 0;
    static const uint8_t nothing[] = {0xfa, 0x9c, 0xe0, 0xe1, 0xff, 0xaa, 0xfe, 0x00};
    for (unsigned i = 0; i < sizeof(nothing); i++)
        type(nothing[i], 0);
    type(0x13, 0x20); /* the mouse's */
    for (unsigned i = 0; i <= sizeof(nothing); i++)
        assert_int_equal(keyboard_read(), -1);
    type(0x39, 0);
    type(0x13, 0);
    assert_int_equal(keyboard_read(), 0x39);
    assert_int_equal(keyboard_read(), KEY_R);
    assert_int_equal(keyboard_read(), -1);
}

static void test_what_was_typed_before_is_dropped(void **state)
{
    (void)state;
    type(0x1c, 0);
    type(0x9c, 0);
    assert_true(keyboard_init());
    assert_int_equal(keyboard_read(), -1);
}

static void test_keyboard_that_is_not_there_or_broken_holds_nobody_up(void **state)
{
    static const uint8_t broken[] = {0x00, 0x01, 0x02, 0x03, 0x21, 0xfe};
    machine_is.status = 0xff;
    assert_false(keyboard_init());
    assert_int_equal(keyboard_read(), -1);
    for (unsigned i = 0; i < sizeof(broken); i++) {
        switch_on(state);
        machine_is.status = broken[i];
        (void)keyboard_init();
        assert_in_range(waits, 0, 5 * LOOKS);
    }
    switch_on(state);
    keyboard_set_absent();
    type(0x39, 0);
    assert_false(keyboard_init());
    assert_int_equal(machine_is.typed_next, 0);
    assert_string_equal(trace, "");
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, switch_on)
    const struct CMUnitTest tests[] = {
        test(test_s5_is_entered_by_both_ports_type_before_enable),
        test(test_acpi_mode_is_switched_on_where_the_firmware_has_the_registers),
        test(test_faults_on_the_way_out_end_in_a_halt),
        test(test_s5_may_be_in_memory_and_described_by_an_ssdt),
        test(test_hardware_reduced_machine_is_switched_off_by_sleep_control),
        test(test_without_s5_no_register_is_touched_and_nobody_waits),
        test(test_reset_register_may_be_a_port_memory_or_configuration_space),
        test(test_8042_that_takes_nothing_holds_nobody_up),
        test(test_register_that_cannot_be_reached_is_named_and_none),
        test(test_virtual_machine_waits_for_nobody),
        test(test_key_is_waited_for_and_nothing_else_is_one),
        test(test_what_was_typed_before_is_dropped),
        test(test_keyboard_that_is_not_there_or_broken_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
