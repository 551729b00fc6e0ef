/* The FADT's registers, mapped and handed to those who drive them. */

#include "smp/platform.h"
#include "cpu/calibrate.h"
#include "cpu/clock.h"
#include "cpu/io.h"
#include "dev/console.h"
#include "dev/keyboard.h"
#include "dev/power.h"
#include "dev/rtc.h"
#include "dev/timers.h"
#include "mm/paging.h"
#include "smp/fadt.h"
#include "smp/tables.h"
#include <asm/errno.h>

#define ACPI_MODE_LOOKS 30000 /* of 0.1 ms: firmware in the middle of something may take seconds */

static struct acpi_fadt fadt;

void platform_init(void)
{
    struct parse_error error;
    const void *table = acpi_table("FACP");
    if (!table) {
        klog("acpi", "no FADT: no power-off, no PM timer");
        return;
    }
    if (acpi_parse_fadt(table, acpi_table_length(table), &fadt, &error)) {
        klog("acpi", "FADT: %s at byte %zu: ignored", error.what, error.offset);
        return;
    }
    if (fadt.no_8042)
        keyboard_set_absent();
    if (fadt.hardware_reduced || fadt.no_8042 || fadt.no_vga || fadt.no_rtc)
        klog("acpi", "FADT: no%s%s%s%s",
             fadt.hardware_reduced ? " PC hardware (hardware-reduced)" : "",
             fadt.no_8042 ? " 8042" : "", fadt.no_vga ? " VGA" : "", fadt.no_rtc ? " RTC" : "");
}

/* The register that the tables speak of, ready for accesses of `size` bytes; none where they speak
 * of none, or of one that cannot be reached. */
static struct device_register reach(const struct acpi_register *reg, uint8_t size)
{
    struct device_register out = {.kind = REGISTER_NONE, .size = size};
    uint64_t at = reg->address;
    if (!at)
        return out;
    if (reg->space == ACPI_SPACE_IO && at <= 0x10000U - size) {
        out.kind = REGISTER_PORT;
        out.port = (uint16_t)at;
    } else if (reg->space == ACPI_SPACE_MEMORY && at % size == 0 &&
               (out.memory = map_physical(at, size, PTE_W | PTE_PCD | PTE_PWT))) {
        out.kind = REGISTER_MEMORY;
    } else if (reg->space == ACPI_SPACE_PCI && at >> 32 < 32 && (at >> 16 & 0xffff) < 8 &&
               (at & 0xffff) <= 0x100U - size && at % size == 0) {
        out.kind = REGISTER_PCI;
        out.pci = (uint32_t)(at >> 32 << 11 | (at >> 16 & 7) << 8 | (at & 0xff));
    } else {
        klog("acpi", "FADT: a register at 0x%lx of space %u cannot be reached: ignored", at,
             reg->space);
    }
    return out;
}

static const struct reference *find_hpet(void)
{
    const void *table = acpi_table("HPET");
    struct parse_error error = {.what = "no memory to map it"};
    uint64_t address;
    if (!table)
        return NULL;
    if (acpi_parse_hpet(table, acpi_table_length(table), &address, &error)) {
        klog("acpi", "HPET: %s at byte %zu: ignored", error.what, error.offset);
        return NULL;
    }
    void *registers = map_physical(address, HPET_SIZE, PTE_W | PTE_PCD | PTE_PWT);
    const struct reference *hpet = registers ? timer_hpet(registers, &error.what) : NULL;
    if (!hpet)
        klog("time", "HPET at 0x%lx: %s: ignored", address, error.what);
    return hpet;
}

static void calibrate_clock(void)
{
    const struct reference *counters[REFERENCES_MAX];
    size_t count = 0;
    if (!fadt.hardware_reduced)
        counters[count++] = timer_pit();
    const struct device_register pm_timer = reach(&fadt.pm_timer, 4);
    if (pm_timer.kind != REGISTER_NONE)
        counters[count++] = timer_acpi(&pm_timer);
    const struct reference *hpet = find_hpet();
    if (hpet)
        counters[count++] = hpet;
    clock_calibrate(counters, count);
}

void platform_start_clock(void)
{
    if (!clock_runs())
        calibrate_clock();
    int64_t seconds = fadt.no_rtc ? 0 : rtc_read();
    if (seconds)
        clock_set_real(seconds);
    else
        klog("time", "no wall clock (%s): it is 1970",
             fadt.no_rtc ? "the FADT says so" : "the RTC shows no time");
}

/* Leaves the firmware's legacy mode, where its own handlers watch the power registers. */
static void enable_acpi(const struct device_register *pm1)
{
    if (!fadt.smi_command || !fadt.acpi_enable || (register_read(pm1) & ACPI_PM1_SCI_ENABLE))
        return;
    if (fadt.smi_command > UINT16_MAX) {
        klog("acpi", "FADT: the SMI command port 0x%x is none: ignored", fadt.smi_command);
        return;
    }
    outb((uint16_t)fadt.smi_command, fadt.acpi_enable);
    for (unsigned i = 0; i < ACPI_MODE_LOOKS && !(register_read(pm1) & ACPI_PM1_SCI_ENABLE); i++)
        clock_delay_us(100);
    if (!(register_read(pm1) & ACPI_PM1_SCI_ENABLE))
        klog("acpi", "the firmware does not hand over the power registers");
}

/* \_S5 stands in the DSDT, or in one of the SSDTs. */
static bool find_s5(uint8_t type[2])
{
    const void *table = acpi_map_table(fadt.dsdt, "DSDT");
    if (table && !acpi_parse_s5(table, acpi_table_length(table), &type[0], &type[1]))
        return true;
    for (size_t at = 0; (table = acpi_next_table("SSDT", &at));)
        if (!acpi_parse_s5(table, acpi_table_length(table), &type[0], &type[1]))
            return true;
    return false;
}

void platform_prepare_power(void)
{
    struct power_control control = {.reset_value = fadt.reset_value};
    control.reset = reach(&fadt.reset, 1);
    if (find_s5(control.sleep_type)) {
        control.pm1[0] = reach(&fadt.pm1a_control, 2);
        control.pm1[1] = reach(&fadt.pm1b_control, 2);
        control.sleep = reach(&fadt.sleep_control, 1);
        if (control.pm1[0].kind != REGISTER_NONE)
            enable_acpi(&control.pm1[0]);
    } else if (fadt.dsdt) {
        klog("acpi", "no \\_S5: the machine cannot switch itself off");
    }
    power_set_control(&control);
}
