/* Tables in acpidump's text format: a line with signature and address, lines of 16 bytes, an empty
 * line. Bad tables too: they are why somebody looks. */

#include "smp/dump.h"
#include "dev/console.h"
#include "lib/format.h"
#include "lib/string.h"
#include "smp/acpi.h"
#include "smp/fadt.h"
#include "smp/tables.h"

#define LINE_BYTES 16

static void print_line(const uint8_t *bytes, size_t length, size_t offset)
{
    static const char digits[] = "0123456789ABCDEF";
    char line[80];
    /* acpidump's width, or more for a long table. */
    size_t at = format(line, sizeof line, "    %04x:", (unsigned)offset);
    for (size_t i = 0; i < at; i++) /* format knows no capitals */
        if (line[i] >= 'a' && line[i] <= 'f')
            line[i] = (char)(line[i] - 'a' + 'A');
    for (size_t i = 0; i < LINE_BYTES && offset + i < length; i++) {
        line[at++] = ' ';
        line[at++] = digits[bytes[offset + i] >> 4];
        line[at++] = digits[bytes[offset + i] & 15];
    }
    line[at++] = '\n';
    console_write_serial(line, at);
}

static void print_table(const struct acpi_listed *table)
{
    char line[48];
    char name[5] = {0};
    size_t length = acpi_table_length(table->bytes);
    memcpy(name, table->bytes, 4);
    console_write_serial(line, format(line, sizeof line, "%s @ 0x%016lx\n", name, table->address));
    for (size_t offset = 0; offset < length; offset += LINE_BYTES)
        print_line(table->bytes, length, offset);
    console_write_serial("\n", 1);
}

/* Puts on the list what no root table names. */
static void find_the_rest(void)
{
    const uint8_t *fadt = acpi_table("FACP");
    size_t length = fadt ? acpi_table_length(fadt) : 0;
    (void)acpi_map_table(acpi_root()->rsdt, "RSDT");
    if (length >= FADT_X_DSDT + 8) {
        (void)acpi_map_table(load64(fadt, FADT_X_DSDT), "DSDT");
        (void)acpi_map_table(load64(fadt, FADT_X_FACS), "FACS");
    }
    if (length >= FADT_DSDT + 4) {
        (void)acpi_map_table(load32(fadt, FADT_DSDT), "DSDT");
        (void)acpi_map_table(load32(fadt, FADT_FACS), "FACS");
    }
}

void acpi_dump(void)
{
    const struct acpi_listed *table;
    const struct acpi_root *root = acpi_root();
    find_the_rest();
    /* iasl takes no root pointer: what there is to know of it is this. */
    klog("acpi", "root pointer of revision %u: RSDT at 0x%lx, XSDT at 0x%lx", root->revision,
         root->rsdt, root->xsdt);
    klog("acpi", "the tables follow, on the serial port");
    for (size_t i = 0; (table = acpi_listed(i)); i++)
        if (table->bytes)
            print_table(table);
    klog("acpi", "these were the tables");
}
