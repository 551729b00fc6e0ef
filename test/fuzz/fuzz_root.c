// sources: src/smp/acpi.c
/* An XSDT or an RSDT, as it is and with its length and checksum corrected: all of its entries are read. */
#include "smp/acpi.h"

#include "check.h"

static void check(const uint8_t *table, size_t size)
{
    static const char *const signatures[] = {"XSDT", "RSDT", NULL};
    for (size_t i = 0; i < 3; i++) {
        struct parse_error error;
        int result = acpi_check_table(table, size, signatures[i], &error);
        if (result == -ENOENT) {
            CHECK(signatures[i] && memcmp(table, signatures[i], 4) != 0);
            continue;
        }
        if (result) {
            CHECK(result == -EINVAL && error.offset <= size && strlen(error.what) > 0);
            continue;
        }
        uint32_t length = acpi_table_length(table);
        CHECK(length >= ACPI_HEADER_SIZE && length <= size);
        uint8_t sum = 0;
        for (uint32_t at = 0; at < length; at++)
            sum = (uint8_t)(sum + table[at]);
        CHECK(sum == 0);
        if (!signatures[i])
            continue;
        size_t width = *table == 'X' ? 8 : 4, count = acpi_root_count(table);
        CHECK(count == (length - ACPI_HEADER_SIZE) / width);
        for (size_t entry = 0; entry < count; entry++) {
            uint64_t expected = 0;
            memcpy(&expected, table + ACPI_HEADER_SIZE + entry * width, width);
            CHECK(acpi_root_entry(table, entry) == expected);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *table = copy_of(data, size);
    check(table, size);
    if (size >= ACPI_HEADER_SIZE) {
        memcpy(table, table[0] & 1 ? "RSDT" : "XSDT", 4);
        set_table_header(table, size);
        check(table, size);
    }
    free(table);
    return 0;
}
