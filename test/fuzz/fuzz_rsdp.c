// sources: src/smp/acpi.c
/* A root pointer, as it is and with its checksums corrected. */
#include "smp/acpi.h"

#include "check.h"

static void check(const uint8_t *bytes, size_t size)
{
    struct acpi_root root;
    struct parse_error error;
    int result = acpi_check_rsdp(bytes, size, &root, &error);
    if (result)
        CHECK(result == -EINVAL && error.offset <= size && strlen(error.what) > 0);
    else
        CHECK(root.address != 0 && (root.extended ? size >= 36 : root.address <= UINT32_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = copy_of(data, size);
    check(bytes, size);
    if (size >= 20) {
        memcpy(bytes, "RSD PTR ", 8);
        set_checksum(bytes, 20, 8);
        if (size >= 36)
            set_checksum(bytes, size, 32);
        check(bytes, size);
    }
    free(bytes);
    return 0;
}
