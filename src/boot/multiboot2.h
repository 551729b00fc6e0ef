/* The boot information that a multiboot2 loader leaves in memory (Multiboot2 Specification 2.0,
 * section 3.6): the tags this kernel uses, checked and copied out or pointed at. */
#pragma once

#include <linux/elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/parse.h"

#define BOOT_MEMORY_MAX 512 /* after neighbours of one type were joined */
#define BOOT_MODULE_MAX 8

enum boot_memory_type {
    BOOT_MEMORY_USABLE = 1,
    BOOT_MEMORY_RESERVED = 2, /* also every type the specification does not know */
    BOOT_MEMORY_ACPI_RECLAIMABLE = 3,
    BOOT_MEMORY_ACPI_NVS = 4,
    BOOT_MEMORY_BAD = 5,
};

/* Physical bytes [base, base + size), as the loader has them: unsorted, unaligned, may overlap
 * (src/boot/memory.h). size > 0, and base + size does not wrap. */
struct boot_memory {
    uint64_t base;
    uint64_t size;
    enum boot_memory_type type;
};

/* Physical bytes [start, end), start <= end. */
struct boot_module {
    uint32_t start;
    uint32_t end;
    const char *cmdline; /* the words after the file name in the boot menu; may be empty */
};

enum boot_framebuffer_type {
    BOOT_FRAMEBUFFER_RGB = 1, /* 0 has a palette */
    BOOT_FRAMEBUFFER_TEXT = 2,
};

/* As the loader gives it: none of it is checked. */
struct boot_framebuffer {
    uint64_t address; /* physical; 0: the loader reported none */
    uint32_t pitch;   /* bytes a row */
    uint32_t width;   /* pixels, or characters in text mode */
    uint32_t height;
    uint8_t bits_per_pixel;
    uint8_t type; /* enum boot_framebuffer_type, or another */
    struct {
        uint8_t position, size; /* bits, in a pixel as a little-endian number */
    } colours[3];               /* red, green, blue; of RGB */
};

/* The kernel's own section headers. Not aligned: read them through boot_section(). */
struct boot_sections {
    const void *headers;
    uint32_t count; /* 0: the loader reported none */
    uint32_t entry_size;
    uint32_t name_index; /* the section that holds the names; < count */
};

/* All pointers point into the parsed bytes and live as long as those do; strings are terminated. */
struct boot_info {
    bool efi;                 /* started from UEFI: the loader passes on its system table */
    size_t length;            /* of the whole boot information, as its header says */
    const char *command_line; /* "" when there is none */
    const char *loader_name;  /* "" when there is none */
    size_t memory_count;      /* 0: the loader gave no memory map */
    struct boot_memory memory[BOOT_MEMORY_MAX];
    size_t memory_dropped; /* usable ranges that wrap around, or that there was no room for */
    size_t module_count;
    struct boot_module modules[BOOT_MODULE_MAX]; /* of many, the first, and those that are named */
    size_t modules_dropped;                      /* for which there was no room */
    const void *rsdp; /* the loader's copy of the ACPI RSDP, tag 15 before 14; NULL: none */
    size_t rsdp_length;
    struct boot_framebuffer framebuffer;
    struct boot_sections sections;
};

/* info: what the loader left in ebx, mapped for max_length bytes. 0, or -EINVAL when a tag breaks
 * its bounds or is given twice, -E2BIG when there are more reserved ranges than fit. */
int multiboot2_parse(const void *info, size_t max_length, struct boot_info *out,
                     struct parse_error *error);

/* Modules by these names are kept however many there are. */
#define BOOT_MODULE_INITRAMFS "initramfs"
#define BOOT_MODULE_FONT      "font"

/* The module that the boot menu gives this name, as the first word of its command line, or NULL. */
const struct boot_module *boot_module(const struct boot_info *info, const char *name);

/* index < sections->count. */
static inline Elf64_Shdr boot_section(const struct boot_sections *sections, uint32_t index)
{
    Elf64_Shdr header;
    __builtin_memcpy(&header,
                     (const uint8_t *)sections->headers + (size_t)index * sections->entry_size,
                     sizeof header);
    return header;
}
