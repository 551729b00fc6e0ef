/* Checks an ELF file's headers so that the loader can trust every number in struct elf_image. */
#include "task/elf.h"

#include <asm/errno.h>
#include <linux/elf.h>

#include "lib/string.h"
#include "mm/layout.h"

static int refuse(struct parse_error *error, size_t offset, const char *what)
{
    return parse_fail(error, -ENOEXEC, offset, what);
}

static int check_header(const Elf64_Ehdr *header, size_t size, struct parse_error *error)
{
    if (header->e_ident[EI_CLASS] != ELFCLASS64)
        return refuse(error, EI_CLASS, "a 32-bit program");
    if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != EM_X86_64)
        return refuse(error, offsetof(Elf64_Ehdr, e_machine), "a program for another machine");
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return refuse(error, offsetof(Elf64_Ehdr, e_type),
                      "not a program (an object or core file)");
    if (header->e_phentsize != sizeof(Elf64_Phdr))
        return refuse(error, offsetof(Elf64_Ehdr, e_phentsize), "program headers of a wrong size");
    if (header->e_phoff > size || header->e_phnum * sizeof(Elf64_Phdr) > size - header->e_phoff)
        return refuse(error, offsetof(Elf64_Ehdr, e_phoff), "program headers beyond the file");
    return 0;
}

/* at: offset of the program header, for errors. Segments come in ascending order (the System V ABI
 * asks for it), which makes one comparison with the last one enough. */
static int add_segment(const Elf64_Phdr *phdr, size_t at, size_t file_size, struct elf_image *out,
                       struct parse_error *error)
{
    if (phdr->p_filesz > phdr->p_memsz)
        return refuse(error, at, "a segment larger in the file than in memory");
    if (phdr->p_memsz == 0)
        return 0;
    uint64_t start = phdr->p_vaddr;
    if (start >= USER_END || phdr->p_memsz > USER_END - start)
        return refuse(error, at, "a segment in kernel space");
    if (!out->relocatable && start < USER_START)
        return refuse(error, at, "a segment below the lowest user address");
    if (phdr->p_filesz > 0) {
        if (phdr->p_offset > file_size || phdr->p_filesz > file_size - phdr->p_offset)
            return refuse(error, at, "truncated: a segment beyond the end of the file");
        if ((start ^ phdr->p_offset) & (PAGE_SIZE - 1))
            return refuse(error, at, "a segment misaligned in the file");
    }
    if (out->segment_count > 0) {
        if (start < out->segments[out->segment_count - 1].vaddr)
            return refuse(error, at, "segments not in ascending order");
        if (start < out->highest)
            return refuse(error, at, "overlapping segments");
        if (start < ((out->highest + PAGE_SIZE - 1) & PAGE_MASK))
            return refuse(error, at, "two segments in one page");
    } else {
        out->lowest = start;
    }
    if (out->segment_count == ELF_SEGMENT_MAX)
        return refuse(error, at, "too many segments");
    out->segments[out->segment_count++] = (struct elf_segment){
        .vaddr = start,
        .memsz = phdr->p_memsz,
        .offset = phdr->p_filesz ? phdr->p_offset : 0,
        .filesz = phdr->p_filesz,
        .flags = phdr->p_flags,
    };
    out->highest = start + phdr->p_memsz;
    return 0;
}

static bool entry_is_executable(const struct elf_image *image)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (image->entry - segment->vaddr < segment->memsz)
            return segment->flags & PF_X;
    }
    return false;
}

/* Where the table lies in memory when no PT_PHDR says so: in the segment that loads its bytes. */
static uint64_t loaded_phdrs(const struct elf_image *image, uint64_t offset)
{
    uint64_t table_size = image->phnum * sizeof(Elf64_Phdr);
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (offset >= segment->offset && table_size <= segment->filesz &&
            offset - segment->offset <= segment->filesz - table_size)
            return segment->vaddr + (offset - segment->offset);
    }
    return 0;
}

int elf_parse(const void *file, size_t size, struct elf_image *out, struct parse_error *error)
{
    memset(out, 0, sizeof *out);
    if (size < SELFMAG || memcmp(file, ELFMAG, SELFMAG) != 0)
        return refuse(error, 0, "not an ELF file");
    if (size < sizeof(Elf64_Ehdr))
        return refuse(error, size, "truncated: no whole ELF header");
    Elf64_Ehdr header;
    memcpy(&header, file, sizeof header);
    int result = check_header(&header, size, error);
    if (result)
        return result;
    out->relocatable = header.e_type == ET_DYN;
    out->entry = header.e_entry;
    out->phnum = header.e_phnum;

    for (size_t i = 0; i < header.e_phnum; i++) {
        size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
        Elf64_Phdr phdr;
        memcpy(&phdr, (const uint8_t *)file + at, sizeof phdr);
        switch (phdr.p_type) {
        case PT_INTERP:
            return refuse(error, at, "a dynamic program (link it with -static)");
        case PT_PHDR:
            out->phdr_vaddr = phdr.p_vaddr;
            break;
        case PT_GNU_STACK:
            out->exec_stack = phdr.p_flags & PF_X;
            break;
        case PT_LOAD:
            result = add_segment(&phdr, at, size, out, error);
            if (result)
                return result;
            break;
        default:
            break;
        }
    }
    if (out->segment_count == 0)
        return refuse(error, offsetof(Elf64_Ehdr, e_phnum), "no segment to load");
    if (!entry_is_executable(out))
        return refuse(error, offsetof(Elf64_Ehdr, e_entry),
                      "an entry point outside executable code");
    if (out->phdr_vaddr == 0)
        out->phdr_vaddr = loaded_phdrs(out, header.e_phoff);
    return 0;
}
