/* Walks the multiboot2 tags once. What the loader's code and its text disagree on (the section
 * tag's 32-bit fields, the framebuffer's reserved bytes) is read as GRUB writes it. */
#include "boot/multiboot2.h"

#include <asm/errno.h>
#include <stdbool.h>

#include "lib/string.h"

#define HEADER_SIZE     8U /* total size, reserved */
#define TAG_HEADER_SIZE 8U /* type, size */
#define TAG_ALIGN       8U

enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_LOADER_NAME = 2,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_SECTIONS = 9,
    TAG_EFI_32 = 11, /* the system table's address */
    TAG_EFI_64 = 12,
    TAG_RSDP_OLD = 14,
    TAG_RSDP_NEW = 15,
};

/* Tags that describe one thing: a second one would leave open which of the two to believe. */
#define SINGLE_TAGS                                                                                \
    (1U << TAG_COMMAND_LINE | 1U << TAG_LOADER_NAME | 1U << TAG_MEMORY_MAP |                       \
     1U << TAG_FRAMEBUFFER | 1U << TAG_SECTIONS | 1U << TAG_RSDP_OLD | 1U << TAG_RSDP_NEW)

struct tag {
    const uint8_t *bytes;
    uint32_t size;
    size_t offset; /* in the boot information, for errors */
};

static int parse_string(const struct tag *tag, size_t at, const char **out,
                        struct parse_error *error)
{
    if (tag->size <= at)
        return parse_fail(error, -EINVAL, tag->offset, "tag too short for its string");
    const char *string = (const char *)tag->bytes + at;
    if (strnlen(string, tag->size - at) == tag->size - at)
        return parse_fail(error, -EINVAL, tag->offset + at, "string without an end");
    *out = string;
    return 0;
}

static bool has_name(const struct boot_module *module, const char *name)
{
    const size_t length = strlen(name);
    char end = strncmp(module->cmdline, name, length) ? 'x' : module->cmdline[length];
    return end == '\0' || end == ' ';
}

static bool is_wanted(const struct boot_module *module)
{
    return has_name(module, BOOT_MODULE_INITRAMFS) || has_name(module, BOOT_MODULE_FONT);
}

/* Where there is no room left, one with a name that is looked for takes the last place of one without. */
static void add_module(struct boot_info *out, struct boot_module module)
{
    size_t place = out->module_count;
    if (place < BOOT_MODULE_MAX) {
        out->modules[out->module_count++] = module;
        return;
    }
    out->modules_dropped++;
    while (is_wanted(&module) && place-- > 0) {
        if (is_wanted(&out->modules[place]))
            continue;
        out->modules[place] = module;
        return;
    }
}

static int parse_module(const struct tag *tag, struct boot_info *out, struct parse_error *error)
{
    struct boot_module module;
    int result = parse_string(tag, 16, &module.cmdline, error);
    if (result)
        return result;
    module.start = load32(tag->bytes, 8);
    module.end = load32(tag->bytes, 12);
    if (module.start > module.end)
        return parse_fail(error, -EINVAL, tag->offset + 8, "module that ends before it starts");
    add_module(out, module);
    return 0;
}

/* What there is no room for is left out, but only of usable memory: without a reserved range, memory
 * would be used that is none. False when there is no room for one of those. */
static bool add_memory(struct boot_info *out, struct boot_memory range)
{
    struct boot_memory *last = &out->memory[out->memory_count];
    if (out->memory_count && last[-1].type == range.type &&
        last[-1].base + last[-1].size == range.base) {
        last[-1].size += range.size;
        return true;
    }
    if (out->memory_count < BOOT_MEMORY_MAX) {
        *last = range;
        out->memory_count++;
        return true;
    }
    out->memory_dropped++;
    if (range.type == BOOT_MEMORY_USABLE)
        return true;
    do {
        if (last-- == out->memory)
            return false;
    } while (last->type != BOOT_MEMORY_USABLE);
    *last = range;
    return true;
}

static int parse_memory_map(const struct tag *tag, struct boot_info *out, struct parse_error *error)
{
    if (tag->size < 16)
        return parse_fail(error, -EINVAL, tag->offset, "memory map too short");
    uint32_t entry_size = load32(tag->bytes, 8);
    if (entry_size < 24 || entry_size % 8)
        return parse_fail(error, -EINVAL, tag->offset + 8, "memory map with a bad entry size");
    if ((tag->size - 16) % entry_size)
        return parse_fail(error, -EINVAL, tag->offset, "memory map with a cut entry");

    for (size_t at = 16; at < tag->size; at += entry_size) {
        struct boot_memory range = {.base = load64(tag->bytes, at),
                                    .size = load64(tag->bytes, at + 8)};
        uint32_t type = load32(tag->bytes, at + 16);
        if (type < BOOT_MEMORY_USABLE || type > BOOT_MEMORY_BAD)
            type = BOOT_MEMORY_RESERVED;
        range.type = (enum boot_memory_type)type;
        if (range.size > UINT64_MAX - range.base) {
            if (range.type == BOOT_MEMORY_USABLE) {
                out->memory_dropped++;
                continue;
            }
            range.size = UINT64_MAX - range.base; /* reserved up to the top */
        }
        if (range.size && !add_memory(out, range))
            return parse_fail(error, -E2BIG, tag->offset + at, "too many reserved memory ranges");
    }
    return 0;
}

static int parse_framebuffer(const struct tag *tag, struct boot_info *out,
                             struct parse_error *error)
{
    if (tag->size < 31)
        return parse_fail(error, -EINVAL, tag->offset, "framebuffer tag too short");
    struct boot_framebuffer *fb = &out->framebuffer;
    *fb = (struct boot_framebuffer){
        .address = load64(tag->bytes, 8),
        .pitch = load32(tag->bytes, 16),
        .width = load32(tag->bytes, 20),
        .height = load32(tag->bytes, 24),
        .bits_per_pixel = tag->bytes[28],
        .type = tag->bytes[29],
    };
    /* Without the bytes for them, the colours have no bits. */
    for (size_t i = 0; i < 3 && tag->size >= 32 + 2 * (i + 1); i++) {
        fb->colours[i].position = tag->bytes[32 + 2 * i];
        fb->colours[i].size = tag->bytes[33 + 2 * i];
    }
    return 0;
}

static int parse_sections(const struct tag *tag, struct boot_info *out, struct parse_error *error)
{
    if (tag->size < 20)
        return parse_fail(error, -EINVAL, tag->offset, "section tag too short");
    struct boot_sections sections = {
        .headers = tag->bytes + 20,
        .count = load32(tag->bytes, 8),
        .entry_size = load32(tag->bytes, 12),
        .name_index = load32(tag->bytes, 16),
    };
    if (sections.count == 0)
        return 0;
    if (sections.entry_size < sizeof(Elf64_Shdr))
        return parse_fail(error, -EINVAL, tag->offset + 12, "section headers too small");
    if ((uint64_t)sections.count * sections.entry_size > tag->size - 20)
        return parse_fail(error, -EINVAL, tag->offset + 8, "more section headers than the tag has");
    if (sections.name_index >= sections.count)
        return parse_fail(error, -EINVAL, tag->offset + 16, "section names in no section");
    out->sections = sections;
    return 0;
}

static int parse_tag(uint32_t type, const struct tag *tag, struct boot_info *out,
                     struct parse_error *error)
{
    switch (type) {
    case TAG_COMMAND_LINE:
        return parse_string(tag, TAG_HEADER_SIZE, &out->command_line, error);
    case TAG_LOADER_NAME:
        return parse_string(tag, TAG_HEADER_SIZE, &out->loader_name, error);
    case TAG_MODULE:
        return parse_module(tag, out, error);
    case TAG_MEMORY_MAP:
        return parse_memory_map(tag, out, error);
    case TAG_FRAMEBUFFER:
        return parse_framebuffer(tag, out, error);
    case TAG_SECTIONS:
        return parse_sections(tag, out, error);
    case TAG_EFI_32:
    case TAG_EFI_64:
        out->efi = true;
        return 0;
    case TAG_RSDP_OLD:
    case TAG_RSDP_NEW:
        if (type == TAG_RSDP_NEW || !out->rsdp) {
            out->rsdp = tag->bytes + TAG_HEADER_SIZE;
            out->rsdp_length = tag->size - TAG_HEADER_SIZE;
        }
        return 0;
    default:
        return 0;
    }
}

int multiboot2_parse(const void *info, size_t max_length, struct boot_info *out,
                     struct parse_error *error)
{
    memset(out, 0, sizeof *out);
    out->command_line = "";
    out->loader_name = "";
    if (max_length < HEADER_SIZE)
        return parse_fail(error, -EINVAL, 0, "no room for the header");
    size_t length = load32(info, 0);
    if (length < HEADER_SIZE || length > max_length)
        return parse_fail(error, -EINVAL, 0, "total size out of range");
    out->length = length;

    uint32_t seen = 0;
    for (size_t offset = HEADER_SIZE; offset <= length && length - offset >= TAG_HEADER_SIZE;) {
        struct tag tag = {.bytes = (const uint8_t *)info + offset, .offset = offset};
        uint32_t type = load32(tag.bytes, 0);
        tag.size = load32(tag.bytes, 4);
        if (tag.size < TAG_HEADER_SIZE || tag.size > length - offset)
            return parse_fail(error, -EINVAL, offset + 4, "tag size out of range");
        if (type == TAG_END)
            return 0;
        uint32_t bit = type < 32 ? 1U << type : 0;
        if (seen & bit & SINGLE_TAGS)
            return parse_fail(error, -EINVAL, offset, "tag given twice");
        seen |= bit;
        int result = parse_tag(type, &tag, out, error);
        if (result)
            return result;
        offset += ((size_t)tag.size + TAG_ALIGN - 1) & ~(size_t)(TAG_ALIGN - 1);
    }
    return parse_fail(error, -EINVAL, length, "no end tag");
}

const struct boot_module *boot_module(const struct boot_info *info, const char *name)
{
    for (size_t i = 0; i < info->module_count; i++)
        if (has_name(&info->modules[i], name))
            return &info->modules[i];
    return NULL;
}
