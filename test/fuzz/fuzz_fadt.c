// sources: src/smp/fadt.c
/* A whole FADT, its 36 bytes of header included. */
#include "smp/fadt.h"

#include "check.h"

#define FADT_LEAST 116 /* bytes: revision 1 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *table = copy_of(data, size);
    struct acpi_fadt fadt;
    struct parse_error error;
    int result = acpi_parse_fadt(table, size, &fadt, &error);
    CHECK(result == (size < FADT_LEAST ? -EINVAL : 0));
    if (result) {
        CHECK(error.offset <= size && strlen(error.what) > 0);
    } else {
        uint64_t dsdt = load32(table, 40); /* the 64-bit field counts where it is given */
        if (size >= 148 && load64(table, 140))
            dsdt = load64(table, 140);
        CHECK(fadt.dsdt == dsdt);
        CHECK(fadt.smi_command == load32(table, 48));
        CHECK(fadt.acpi_enable == table[52]);
    }
    free(table);
    return 0;
}
