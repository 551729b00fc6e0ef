/* Every access to a table is behind a check of its length; every table behind its checksum. */
#include "smp/acpi.h"

#include <asm/errno.h>

#include "lib/string.h"

/* All bytes of a table, its checksum byte included, sum up to zero (section 5.2.6). */
static bool sums_to_zero(const void *bytes, size_t length)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
    return sum == 0;
}

/* Section 5.2.5.3; the rest is in acpi.h. */
#define RSDP_OLD_SIZE      20U
#define RSDP_NEW_SIZE      36U
#define RSDP_CHECKSUM      8U
#define RSDP_REVISION      15U
#define RSDP_LENGTH        20U
#define RSDP_CHECKSUM_LONG 32U

int acpi_check_rsdp(const void *rsdp, size_t length, struct acpi_root *out,
                    struct parse_error *error)
{
    *out = (struct acpi_root){0};
    if (length < RSDP_OLD_SIZE)
        return parse_fail(error, -EINVAL, 0, "root pointer too short");
    if (memcmp(rsdp, "RSD PTR ", 8) != 0)
        return parse_fail(error, -EINVAL, 0, "no root pointer signature");
    if (!sums_to_zero(rsdp, RSDP_OLD_SIZE))
        return parse_fail(error, -EINVAL, RSDP_CHECKSUM, "wrong checksum of the root pointer");

    out->rsdt = load32(rsdp, RSDP_RSDT);
    out->revision = ((const uint8_t *)rsdp)[RSDP_REVISION];
    if (out->revision >= 2 && length >= RSDP_NEW_SIZE) {
        uint32_t own_length = load32(rsdp, RSDP_LENGTH);
        if (own_length < RSDP_NEW_SIZE || own_length > length)
            return parse_fail(error, -EINVAL, RSDP_LENGTH,
                              "length of the root pointer out of range");
        if (!sums_to_zero(rsdp, own_length))
            return parse_fail(error, -EINVAL, RSDP_CHECKSUM_LONG,
                              "wrong extended checksum of the root pointer");
        out->xsdt = load64(rsdp, RSDP_XSDT);
    }
    if (!out->xsdt && !out->rsdt)
        return parse_fail(error, -EINVAL, RSDP_RSDT, "root pointer to no table");
    return 0;
}

int acpi_check_table(const void *table, size_t available, const char signature[4],
                     struct parse_error *error)
{
    if (available < ACPI_HEADER_SIZE)
        return parse_fail(error, -EINVAL, 0, "no room for a table header");
    if (signature && memcmp(table, signature, 4) != 0)
        return parse_fail(error, -ENOENT, 0, "another table's signature");
    uint32_t length = acpi_table_length(table);
    if (length < ACPI_HEADER_SIZE || length > available)
        return parse_fail(error, -EINVAL, 4, "table length out of range");
    if (!sums_to_zero(table, length))
        return parse_fail(error, -EINVAL, 9, "wrong checksum of the table");
    return 0;
}

static size_t root_entry_size(const void *root_table)
{
    return memcmp(root_table, "XSDT", 4) == 0 ? 8 : 4;
}

size_t acpi_root_count(const void *root_table)
{
    return (acpi_table_length(root_table) - ACPI_HEADER_SIZE) / root_entry_size(root_table);
}

size_t acpi_root_entry_offset(const void *root_table, size_t index)
{
    return ACPI_HEADER_SIZE + index * root_entry_size(root_table);
}

uint64_t acpi_root_entry(const void *root_table, size_t index)
{
    size_t offset = acpi_root_entry_offset(root_table, index);
    return root_entry_size(root_table) == 8 ? load64(root_table, offset)
                                            : load32(root_table, offset);
}
