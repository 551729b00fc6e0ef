// sources: src/boot/multiboot2.c
/* Starts from an empty corpus. The total size in the header is corrected half of the time, or
 * hardly any input would get past it. */
#include "boot/multiboot2.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boot_info info;
    struct parse_error error;
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    if (size >= 8 && data[4] & 1)
        memcpy(copy, &(uint32_t){(uint32_t)size}, 4);

    int result = multiboot2_parse(copy, size, &info, &error);
    CHECK(info.memory_count <= BOOT_MEMORY_MAX && info.module_count <= BOOT_MODULE_MAX);
    if (result) {
        CHECK(error.offset <= size && strlen(error.what) > 0);
        free(copy);
        return 0;
    }
    const char *end = (const char *)copy + size;
    CHECK(*info.command_line == '\0' || info.command_line + strlen(info.command_line) < end);
    CHECK(*info.loader_name == '\0' || info.loader_name + strlen(info.loader_name) < end);
    for (size_t i = 0; i < info.memory_count; i++)
        CHECK(info.memory[i].size > 0 &&
              info.memory[i].base + info.memory[i].size > info.memory[i].base);
    for (size_t i = 0; i < info.module_count; i++)
        CHECK(info.modules[i].start <= info.modules[i].end &&
              strlen(info.modules[i].cmdline) < size);
    if (info.rsdp)
        CHECK((const char *)info.rsdp + info.rsdp_length <= end);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < info.sections.count; i++)
        sum += boot_section(&info.sections, i).sh_addr;
    free(copy);
    return sum == 1; /* the sum is used, so that the reads happen; inputs need not be kept */
}
