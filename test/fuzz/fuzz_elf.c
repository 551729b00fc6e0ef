// sources: src/task/elf.c
/* Whole headers are hard to hit upon, so the input is a script from
 * which they are built, with numbers at the edges of the checks. Inputs that begin as an ELF file
 * does are taken as they are. */
#include "task/elf.h"

#include <linux/elf.h>

#include "check.h"
#include "mm/layout.h"

#define FUZZ_PHDRS 20

/* Small numbers most of the time, at the edges of the checks the rest of it. */
static uint64_t number(uint8_t chosen, size_t file_size)
{
    static const uint64_t edges[] = {0,
                                     0x1000,
                                     0x1001,
                                     USER_START,
                                     USER_END,
                                     USER_END - 1,
                                     USER_END + 1,
                                     KERNEL_BASE,
                                     UINT64_MAX,
                                     1ULL << 63,
                                     UINT64_MAX - 1,
                                     UINT64_MAX - 4095,
                                     INT64_MAX,
                                     UINT32_MAX + 1ULL,
                                     0x7fff00000000,
                                     1};
    if (chosen < 200)
        return chosen * 0x80ULL;
    return chosen < 240 ? file_size + chosen - 220 : edges[chosen - 240];
}

static size_t build(const uint8_t *script, size_t size, uint8_t *out)
{
    static const uint32_t types[] = {PT_GNU_STACK, PT_INTERP, PT_PHDR, PT_NOTE};
    Elf64_Ehdr header = {
        .e_ident = ELFMAG "\2\1\1",
        .e_type = script[0] & 1 ? ET_EXEC : ET_DYN,
        .e_machine = EM_X86_64,
        .e_phoff = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_entry = USER_START * (script[0] & 1) + script[1] * 0x80ULL,
    };
    size_t file_size = sizeof header + script[2] * 8UL; /* may cut the table */
    uint64_t next = header.e_type == ET_EXEC ? USER_START : 0;
    for (script += 3, size -= 3; size >= 5 && header.e_phnum < FUZZ_PHDRS; script += 5, size -= 5) {
        Elf64_Phdr phdr = {.p_type = script[0] < 240 ? PT_LOAD : types[script[0] % 4],
                           .p_flags = script[0] & 7,
                           .p_vaddr = script[1] < 240 ? next + script[1] * 0x80ULL
                                                      : number(script[1], file_size),
                           .p_filesz = number(script[2], file_size),
                           .p_memsz = number(script[3], file_size),
                           .p_offset = number(script[4], file_size)};
        if (script[0] & 8)
            phdr.p_filesz = 0;
        if (script[0] & 16)
            phdr.p_offset = phdr.p_vaddr % PAGE_SIZE;
        next = (phdr.p_vaddr + phdr.p_memsz) & PAGE_MASK;
        memcpy(out + sizeof header + header.e_phnum++ * sizeof phdr, &phdr, sizeof phdr);
    }
    memcpy(out, &header, sizeof header);
    return file_size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t built[1 << 12] = {0};
    if (size >= 3 && data[0] != ELFMAG[0]) {
        size = build(data, size, built);
        data = built;
    }
    uint8_t *file = malloc(size ? size : 1);
    memcpy(file, data, size);
    struct elf_image image;
    struct parse_error error;
    int result = elf_parse(file, size, &image, &error);
    free(file);
    if (result) {
        CHECK(result == -ENOEXEC && error.offset <= size && strlen(error.what) > 0);
        return 0;
    }
    CHECK(image.segment_count > 0 && image.segment_count <= ELF_SEGMENT_MAX);
    uint64_t page = 0;
    int entry_found = 0;
    for (size_t i = 0; i < image.segment_count; i++) {
        const struct elf_segment *s = &image.segments[i];
        CHECK(s->memsz > 0 && s->filesz <= s->memsz);
        CHECK(s->offset <= size && s->filesz <= size - s->offset);
        CHECK(s->filesz == 0 || (s->vaddr - s->offset) % PAGE_SIZE == 0);
        CHECK(s->vaddr < USER_END && s->memsz <= USER_END - s->vaddr);
        CHECK(image.relocatable || s->vaddr >= USER_START);
        CHECK(i == 0 || s->vaddr / PAGE_SIZE > page);
        page = (s->vaddr + s->memsz - 1) / PAGE_SIZE;
        entry_found |=
            s->flags & PF_X && image.entry >= s->vaddr && image.entry < s->vaddr + s->memsz;
    }
    CHECK(entry_found && image.lowest == image.segments[0].vaddr);
    CHECK(image.highest == image.segments[image.segment_count - 1].vaddr +
                               image.segments[image.segment_count - 1].memsz);
    return 0;
}
