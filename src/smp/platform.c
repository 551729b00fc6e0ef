/* What the FADT says the machine has, beyond its processors: the timer, the way to switch it off. */

#include "smp/platform.h"
#include "cpu/clock.h"
#include "cpu/io.h"
#include "dev/power.h"
#include "smp/fadt.h"
#include "smp/tables.h"
#include <asm/errno.h>

static int load_fadt(struct acpi_fadt *out)
{
    struct parse_error error;
    const void *table = acpi_table("FACP");
    return table ? acpi_parse_fadt(table, acpi_table_length(table), out, &error) : -ENOENT;
}

/* Whether these many bytes from there on are I/O ports. */
static bool is_port(const struct acpi_register *reg, unsigned bytes)
{
    return reg->space == ACPI_SPACE_IO && reg->address && reg->address <= 0x10000 - bytes;
}

void platform_find_timer(void)
{
    struct acpi_fadt fadt;
    if (clock_is_guess() && !load_fadt(&fadt) && is_port(&fadt.pm_timer, 4))
        clock_use_pm_timer((uint16_t)fadt.pm_timer.address);
}

/* Leaves the firmware's legacy mode, where its own handlers watch the power registers. */
static void enable_acpi(const struct acpi_fadt *fadt)
{
    uint16_t port = (uint16_t)fadt->pm1a_control.address;
    if (!fadt->smi_command || !fadt->acpi_enable || (inw(port) & ACPI_PM1_SCI_ENABLE))
        return;
    outb((uint16_t)fadt->smi_command, fadt->acpi_enable);
    for (unsigned ms = 0; ms < 10 && !(inw(port) & ACPI_PM1_SCI_ENABLE); ms++)
        clock_delay_us(1000);
}

void platform_prepare_power_off(void)
{
    struct acpi_fadt fadt;
    uint8_t type_a, type_b;
    if (load_fadt(&fadt))
        return;
    const void *dsdt = acpi_map_table(fadt.dsdt, "DSDT");
    if (!dsdt || fadt.hardware_reduced || !is_port(&fadt.pm1a_control, 2) ||
        acpi_parse_s5(dsdt, acpi_table_length(dsdt), &type_a, &type_b))
        return;
    enable_acpi(&fadt);
    power_set_acpi((uint16_t)fadt.pm1a_control.address,
                   is_port(&fadt.pm1b_control, 2) ? (uint16_t)fadt.pm1b_control.address : 0, type_a,
                   type_b);
}
