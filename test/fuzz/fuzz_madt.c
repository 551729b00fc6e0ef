// sources: src/smp/madt.c src/smp/acpi.c
/* A whole MADT, as it is and with its length and checksum corrected. */
#include "smp/madt.h"
#include "smp/acpi.h"

#include "check.h"

#define MADT_HEADER 44

static void check_entry(const struct madt_entry *entry, const uint8_t *table)
{
    if (entry->type == MADT_LOCAL_APIC)
        CHECK(entry->length >= 8 && entry->cpu.apic_id == table[entry->offset + 3]);
    if (entry->type == MADT_LOCAL_X2APIC)
        CHECK(entry->length >= 16 && entry->cpu.apic_id == load32(table, entry->offset + 4));
    if (madt_is_startable(entry))
        CHECK((entry->type == MADT_LOCAL_APIC && entry->cpu.enabled && entry->cpu.apic_id < 255) ||
              (entry->type == MADT_LOCAL_X2APIC && entry->cpu.enabled &&
               entry->cpu.apic_id < UINT32_MAX));
}

static void check(const uint8_t *table, size_t length)
{
    struct madt_entry entry;
    struct parse_error error;
    size_t offset = 0, expected = MADT_HEADER, cpus = 0;
    uint32_t highest = 0;
    int result;
    while ((result = madt_next(table, length, &offset, &entry, &error)) == 1) {
        CHECK(entry.offset == expected && entry.length >= 2 && entry.length == table[expected + 1]);
        expected += entry.length;
        CHECK(offset == expected && offset <= length);
        check_entry(&entry, table);
        if (madt_is_startable(&entry)) {
            cpus++;
            highest = entry.cpu.apic_id > highest ? entry.cpu.apic_id : highest;
        }
    }
    CHECK(result == 0 ? expected == length : result == -EINVAL && error.offset <= length);

    struct madt_info info;
    CHECK(madt_parse(table, length, &info, &error) == result);
    CHECK(info.cpus == cpus && info.max_apic_id == highest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *table = copy_of(data, size);
    struct parse_error error;
    check(table, size);
    if (size >= ACPI_HEADER_SIZE) {
        memcpy(table, "APIC", 4);
        set_table_header(table, size);
        CHECK(acpi_check_table(table, size, "APIC", &error) == 0);
        check(table, acpi_table_length(table));
    }
    free(table);
    return 0;
}
