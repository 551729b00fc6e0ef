// sources: src/boot/multiboot2.c src/boot/memory.c src/dev/framebuffer.c src/dev/psf.c src/lib/format.c
/* The boot information, as it is and with the total size in its header corrected; then what the memory
 * map in it comes to, and whether the framebuffer in it can be one. */
#include "boot/memory.h"
#include "boot/multiboot2.h"
#include "dev/framebuffer.h"

#include "check.h"

static void check_usable(const struct boot_info *info)
{
    static struct phys_range usable[BOOT_MEMORY_MAX];
    size_t count = memory_usable(info, UINT64_MAX, usable);
    CHECK(count <= info->memory_count);
    for (size_t i = 0; i < count; i++) {
        CHECK(usable[i].size > 0 && usable[i].base + usable[i].size > usable[i].base);
        CHECK(i == 0 || usable[i].base > usable[i - 1].base + usable[i - 1].size);
        for (size_t j = 0; j < info->memory_count; j++) {
            const struct boot_memory *m = &info->memory[j];
            CHECK(m->type == BOOT_MEMORY_USABLE ||
                  !memory_overlap(usable[i], (struct phys_range){m->base, m->size}));
        }
    }
    for (size_t i = 0; i < info->module_count; i++) {
        const char *flaw =
            memory_module_flaw(info, i, usable, count, (struct phys_range){0x100000, 0x40000},
                               (struct phys_range){0x200000, info->length});
        const struct boot_module *m = &info->modules[i];
        CHECK(flaw || memory_holds(usable, count, m->start, m->end - m->start));
    }
}

/* The least of what stands between a loader's word and a write to memory. */
static void check_framebuffer(const struct boot_info *info)
{
    static const uint8_t font[4 + 256 * 16] = {0x36, 0x04, 0, 16}; /* PSF1: 256 glyphs of 8x16 */
    const struct framebuffer_range image = {0x100000, 0x140000};
    const phys_addr_t information = 0x200000;
    char verdict[FRAMEBUFFER_VERDICT];
    const struct display *display =
        framebuffer_init(info, information, image, font, sizeof font, verdict);
    CHECK(memchr(verdict, '\0', sizeof verdict));
    if (!display)
        return;
    const struct boot_framebuffer *fb = &info->framebuffer;
    struct framebuffer_range range = framebuffer_range();
    CHECK(range.end - range.start == (uint64_t)fb->pitch * fb->height && range.end > range.start);
    CHECK(range.end <= image.start || range.start >= image.end);
    CHECK(range.end <= information || range.start >= information + info->length);
    CHECK(display->columns * 8 <= fb->width && display->rows * 16 <= fb->height);
}

static void check(const uint8_t *bytes, size_t size)
{
    static struct boot_info info;
    struct parse_error error;
    int result = multiboot2_parse(bytes, size, &info, &error);
    CHECK(info.memory_count <= BOOT_MEMORY_MAX && info.module_count <= BOOT_MODULE_MAX);
    if (result) {
        CHECK(error.offset <= size && strlen(error.what) > 0);
        return;
    }
    const char *end = (const char *)bytes + size;
    CHECK(info.length <= size);
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
    for (uint32_t i = 0; i < info.sections.count; i++) {
        volatile uint64_t read = boot_section(&info.sections, i).sh_addr;
        (void)read;
    }
    check_usable(&info);
    check_framebuffer(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = copy_of(data, size);
    check(bytes, size);
    if (size >= 8) {
        memcpy(bytes, &(uint32_t){(uint32_t)size}, 4);
        check(bytes, size);
    }
    free(bytes);
    return 0;
}
