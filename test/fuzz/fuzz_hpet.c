// sources: src/smp/fadt.c
/* A whole HPET table, its 36 bytes of header included. */
#include "smp/fadt.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *table = copy_of(data, size);
    uint64_t address = 0;
    struct parse_error error;
    int result = acpi_parse_hpet(table, size, &address, &error);
    if (result)
        CHECK(result == -EINVAL && error.offset <= size && strlen(error.what) > 0);
    else
        CHECK(size >= 56 && table[40] == 0 && address % 8 == 0 && address == load64(table, 44) &&
              address != 0);
    free(table);
    return 0;
}
