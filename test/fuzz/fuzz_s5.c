// sources: src/smp/fadt.c
/* A whole DSDT, in which \_S5 is looked for. */
#include "smp/fadt.h"

#include "check.h"

static int contains(const uint8_t *bytes, size_t size, const char *name)
{
    for (size_t at = 0; at + 4 <= size; at++)
        if (memcmp(bytes + at, name, 4) == 0)
            return 1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *table = copy_of(data, size);
    uint8_t a = 0xff, b = 0xff;
    int result = acpi_parse_s5(table, size, &a, &b);
    if (result)
        CHECK(result == -ENOENT);
    else
        CHECK(a <= 7 && b <= 7 && contains(table, size, "_S5_"));
    free(table);
    return 0;
}
