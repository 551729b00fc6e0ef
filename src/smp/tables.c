/* Root pointer, root table, tables: each mapped, checked, and passed over with a word if it is
 * bad. */

#include "smp/tables.h"
#include "boot/multiboot2.h"
#include "dev/console.h"
#include "lib/string.h"
#include "mm/paging.h"
#include "smp/acpi.h"

#define TABLE_MAX (16UL << 20) /* bytes; longer is a broken length */

static const void *root;

const void *acpi_map_table(uint64_t address, const char *signature)
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

void acpi_init(const struct boot_info *boot)
{
    struct acpi_root pointer;
    struct parse_error error;
    if (!boot->rsdp) {
        klog("acpi", "the loader found no root pointer (RSDP)");
        return;
    }
    if (acpi_check_rsdp(boot->rsdp, boot->rsdp_length, &pointer, &error)) {
        klog("acpi", "RSDP: %s at byte %zu", error.what, error.offset);
        return;
    }
    root = acpi_map_table(pointer.address, pointer.extended ? "XSDT" : "RSDT");
}

const void *acpi_next_table(const char signature[4], size_t *index)
{
    while (root && *index < acpi_root_count(root)) {
        const void *table = acpi_map_table(acpi_root_entry(root, (*index)++), signature);
        if (table)
            return table;
    }
    return NULL;
}

const void *acpi_table(const char signature[4])
{
    size_t index = 0;
    return acpi_next_table(signature, &index);
}
