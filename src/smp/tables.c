/* Root pointer, root table, tables: each mapped, checked, and passed over with a word if it is
 * bad. */

#include "smp/tables.h"
#include "boot/multiboot2.h"
#include "cpu/clock.h"
#include "cpu/io.h"
#include "dev/console.h"
#include "dev/power.h"
#include "lib/string.h"
#include "mm/paging.h"
#include "smp/acpi.h"
#include <asm/errno.h>

#define TABLE_MAX (16UL << 20) /* bytes; longer is a broken length */

static const void *root;

/* Maps a table whole. signature NULL: any. NULL when it is another table or a bad one. */
static const void *map_table(uint64_t address, const char *signature)
{
    char name[5] = "????";
    const char *header = address ? map_physical(address, ACPI_HEADER_SIZE, 0) : NULL;
    if (!header)
        return NULL;
    memcpy(name, header, 4);
    if (signature && memcmp(name, signature, 4) != 0)
        return NULL;
    struct parse_error error = {.what = "impossible length"};
    uint32_t length = acpi_table_length(header);
    if (length >= ACPI_HEADER_SIZE && length <= TABLE_MAX) {
        const void *table = map_physical(address, length, 0);
        if (table && !acpi_check_table(table, length, signature, &error))
            return table;
    }
    for (unsigned i = 0; i < 4; i++)
        if (name[i] < ' ' || name[i] > '~')
            name[i] = '?';
    klog("acpi", "table %s at 0x%lx: %s: ignored", name, address, error.what);
    return NULL;
}

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

void acpi_init(const struct boot_info *boot)
{
    struct acpi_root pointer;
    struct acpi_fadt fadt;
    struct parse_error error;
    if (!boot->rsdp) {
        klog("acpi", "the loader found no root pointer (RSDP)");
        return;
    }
    if (acpi_check_rsdp(boot->rsdp, boot->rsdp_length, &pointer, &error)) {
        klog("acpi", "RSDP: %s at byte %zu", error.what, error.offset);
        return;
    }
    root = map_table(pointer.address, pointer.extended ? "XSDT" : "RSDT");
    if (clock_is_guess() && !load_fadt(&fadt) && is_port(&fadt.pm_timer, 4))
        clock_use_pm_timer((uint16_t)fadt.pm_timer.address);
}

const void *acpi_table(const char signature[4])
{
    for (size_t i = 0; root && i < acpi_root_count(root); i++) {
        const void *table = map_table(acpi_root_entry(root, i), signature);
        if (table)
            return table;
    }
    return NULL;
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

void acpi_prepare_power_off(void)
{
    struct acpi_fadt fadt;
    uint8_t type_a, type_b;
    if (load_fadt(&fadt))
        return;
    const void *dsdt = map_table(fadt.dsdt, "DSDT");
    if (!dsdt || fadt.hardware_reduced || !is_port(&fadt.pm1a_control, 2) ||
        acpi_parse_s5(dsdt, acpi_table_length(dsdt), &type_a, &type_b))
        return;
    enable_acpi(&fadt);
    power_set_acpi((uint16_t)fadt.pm1a_control.address,
                   is_port(&fadt.pm1b_control, 2) ? (uint16_t)fadt.pm1b_control.address : 0, type_a,
                   type_b);
}
