// sources: src/smp/acpi.c src/smp/fadt.c
/* Starts from an empty corpus. The first byte chooses the parser; signature and checksums are
 * corrected half of the time, or hardly any input would get past them. */
#include "smp/fadt.h"

#include "check.h"

static void set_checksum(uint8_t *bytes, size_t length, size_t at)
{
    bytes[at] = 0;
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

static void try_root_pointer(uint8_t *bytes, size_t size, int correct)
{
    struct acpi_root root;
    struct parse_error error;
    if (correct && size >= 20) {
        memcpy(bytes, "RSD PTR ", 8);
        set_checksum(bytes, 20, 8);
        if (size >= 36)
            set_checksum(bytes, size, 32);
    }
    int result = acpi_check_rsdp(bytes, size, &root, &error);
    CHECK(result == 0 ? root.address != 0 : result == -EINVAL && error.offset <= size);
}

static void try_table(uint8_t *bytes, size_t size, int correct)
{
    struct parse_error error;
    if (correct && size >= ACPI_HEADER_SIZE) {
        memcpy(bytes, bytes[0] & 1 ? "XSDT" : "RSDT", 4);
        memcpy(bytes + 4, &(uint32_t){(uint32_t)size}, 4);
        set_checksum(bytes, size, 9);
    }
    int result = acpi_check_table(bytes, size, NULL, &error);
    CHECK(result == 0 || (result == -EINVAL && error.offset <= size));
    uint64_t sum = 0;
    for (size_t i = 0; result == 0 && i < acpi_root_count(bytes); i++)
        sum += acpi_root_entry(bytes, i);
    CHECK(sum != 1 || result == 0);
}

static void try_s5(uint8_t *bytes, size_t size, int correct)
{
    uint8_t a;
    uint8_t b;
    if (correct && size >= ACPI_HEADER_SIZE + 8)
        memcpy(bytes + ACPI_HEADER_SIZE + bytes[0] % 3, "\x08_S5_\x12", 6);
    int result = acpi_parse_s5(bytes, size, &a, &b);
    CHECK(result == 0 ? a <= 7 && b <= 7 : result == -ENOENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t choice = *data++;
    size--;
    uint8_t *bytes = malloc(size ? size : 1);
    memcpy(bytes, data, size);
    int correct = choice & 4;
    struct acpi_fadt fadt;
    struct parse_error error;
    switch (choice & 3) {
    case 0:
        try_root_pointer(bytes, size, correct);
        break;
    case 1:
        try_table(bytes, size, correct);
        break;
    case 2:
        CHECK(acpi_parse_fadt(bytes, size, &fadt, &error) == (size < 116 ? -EINVAL : 0));
        break;
    default:
        try_s5(bytes, size, correct);
        break;
    }
    free(bytes);
    return 0;
}
