/*
 * ELF files: in, checked; and out, atomically.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fail(int status, const char *path, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "redoor: %s: ", path);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(status);
}

static void *array(const struct image *image, size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (!memory)
        fail(1, image->path, "%s", strerror(errno));
    return memory;
}

static void read_file(struct image *image)
{
    struct stat st;
    int fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        fail(1, image->path, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        fail(2, image->path, "not an ELF file: not a regular file at all");
    image->mode = st.st_mode & 07777;
    image->bytes = array(image, (size_t)st.st_size, 1);
    do
        image->size += (size_t)n;
    while ((n = read(fd, image->bytes + image->size, (size_t)st.st_size - image->size)) > 0);
    if (n < 0)
        fail(1, image->path, "%s", strerror(errno));
    close(fd);
}

static bool in_file(const struct image *image, uint64_t offset, uint64_t size)
{
    return offset <= image->size && size <= image->size - offset;
}

static void check_is_static(const struct image *image, const Elf64_Phdr *phdr)
{
    Elf64_Dyn dyn;

    if (phdr->p_type == PT_INTERP)
        fail(2, image->path, "dynamically linked: it asks for an interpreter");
    for (uint64_t at = 0; phdr->p_type == PT_DYNAMIC && at + sizeof dyn <= phdr->p_filesz;
         at += sizeof dyn) {
        memcpy(&dyn, image->bytes + phdr->p_offset + at, sizeof dyn);
        if (dyn.d_tag == DT_NULL)
            return;
        if (dyn.d_tag == DT_NEEDED)
            fail(2, image->path, "dynamically linked: it needs shared libraries");
    }
}

static const Elf64_Ehdr *check_header(const struct image *image, Elf **elf)
{
    const uint8_t *ident = image->bytes;

    if (image->size < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG) != 0)
        fail(2, image->path, "not an ELF file");
    if (ident[EI_CLASS] != ELFCLASS64)
        fail(2, image->path, "not a 64-bit ELF file");
    if (image->size < sizeof(Elf64_Ehdr))
        fail(2, image->path, "truncated inside the ELF header");
    elf_version(EV_CURRENT);
    *elf = elf_memory((char *)image->bytes, image->size);

    const Elf64_Ehdr *ehdr = *elf ? elf64_getehdr(*elf) : NULL;
    if (!ehdr)
        fail(2, image->path, "bad ELF header: %s", elf_errmsg(-1));
    if (ident[EI_DATA] != ELFDATA2LSB || ehdr->e_machine != EM_X86_64)
        fail(2, image->path, "not for x86-64");
    if (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN)
        fail(2, image->path, "not a program but an object or core file");
    if ((ehdr->e_phoff | ehdr->e_shoff) % 8) /* libelf hands them out where they are */
        fail(2, image->path, "bad ELF header: a header table is not aligned");
    return ehdr;
}

static void add_part(struct image *image, struct part part)
{
    image->parts = realloc(image->parts, (image->part_count + 1) * sizeof part);
    if (!image->parts)
        fail(1, image->path, "%s", strerror(ENOMEM));
    image->parts[image->part_count++] = part;
}

static void read_segments(struct image *image, const Elf64_Phdr *phdr, size_t count,
                          uint64_t headers_end)
{
    for (size_t i = 0; i < count; i++) {
        /* Where a segment begins with the file's own headers, its code begins behind them. */
        uint64_t skip = phdr[i].p_offset == 0 ? headers_end : 0;
        if (phdr[i].p_type == PT_LOAD && phdr[i].p_filesz > skip)
            add_part(image, (struct part){.addr = phdr[i].p_vaddr + skip,
                                          .size = phdr[i].p_filesz - skip,
                                          .offset = phdr[i].p_offset + skip,
                                          .executable = phdr[i].p_flags & PF_X});
    }
}

static void read_symbols(struct image *image, Elf *elf, Elf_Scn *scn, const Elf64_Shdr *shdr)
{
    const Elf_Data *data = elf_getdata(scn, NULL);
    size_t count = data ? data->d_size / sizeof(Elf64_Sym) : 0;

    free(image->symbols);
    image->symbols = array(image, count, sizeof image->symbols[0]);
    image->symbol_count = 0;
    for (size_t i = 0; i < count; i++) {
        Elf64_Sym sym;
        memcpy(&sym, (const char *)data->d_buf + i * sizeof sym, sizeof sym);
        const char *name = elf_strptr(elf, shdr->sh_link, sym.st_name);
        if (sym.st_shndx != SHN_UNDEF && sym.st_shndx < SHN_LORESERVE && name && *name)
            image->symbols[image->symbol_count++] =
                (struct symbol){sym.st_value, sym.st_size, name, ELF64_ST_TYPE(sym.st_info)};
    }
}

static void read_sections(struct image *image, Elf *elf, const Elf64_Ehdr *ehdr)
{
    size_t names = 0, count = ehdr->e_shnum ? ehdr->e_shnum : 1; /* 0: the first header has it */

    if (ehdr->e_shoff && (!in_file(image, ehdr->e_shoff, count * sizeof(Elf64_Shdr)) ||
                          elf_getshdrstrndx(elf, &names) < 0))
        fail(2, image->path, "truncated: the section headers are not all in the file");
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
        const Elf64_Shdr *shdr = elf64_getshdr(scn);
        if (!shdr ||
            (shdr->sh_type != SHT_NOBITS && !in_file(image, shdr->sh_offset, shdr->sh_size)))
            fail(2, image->path, "truncated: section %zu is not all in the file", elf_ndxscn(scn));
        const char *name = elf_strptr(elf, names, shdr->sh_name);
        if (shdr->sh_type == SHT_SYMTAB)
            read_symbols(image, elf, scn, shdr);
        if (shdr->sh_flags & SHF_ALLOC && shdr->sh_type != SHT_NOBITS && shdr->sh_size)
            add_part(image, (struct part){.addr = shdr->sh_addr,
                                          .size = shdr->sh_size,
                                          .offset = shdr->sh_offset,
                                          .executable = shdr->sh_flags & SHF_EXECINSTR,
                                          .raw = name && strcmp(name, ".door_raw") == 0});
    }
}

/* Both structs that get sorted begin with their address. */
static int by_address(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* A door among executable bytes that no section describes would be missed. */
static void check_gaps(const struct image *image, uint64_t from, uint64_t end)
{
    for (const uint8_t *b = image->bytes; from + 2 <= end; from++) {
        bool described =
            memcmp(b + from, "\x0f\x05", 2) != 0 && memcmp(b + from, "\xcd\x80", 2) != 0;
        for (size_t i = 0; i < image->part_count && !described; i++)
            described = from - image->parts[i].offset < image->parts[i].size;
        if (!described)
            fail(2, image->path,
                 "cannot tell code from data: no section describes the door bytes at offset "
                 "0x%" PRIx64,
                 from);
    }
}

void image_read(struct image *image, const char *path)
{
    Elf *elf;
    size_t count = 0;

    *image = (struct image){.path = path};
    read_file(image);
    image->parts = array(image, 0, sizeof image->parts[0]);
    image->symbols = array(image, 0, sizeof image->symbols[0]);
    const Elf64_Ehdr *ehdr = check_header(image, &elf);
    const Elf64_Phdr *phdr = elf64_getphdr(elf);
    if (!phdr || elf_getphdrnum(elf, &count) < 0)
        fail(2, image->path, "truncated, or without program headers");
    for (size_t i = 0; i < count; i++) {
        if (!in_file(image, phdr[i].p_offset, phdr[i].p_filesz))
            fail(2, image->path, "truncated: segment %zu is not all in the file", i);
        check_is_static(image, &phdr[i]);
    }

    uint64_t headers_end = ehdr->e_phoff + count * sizeof *phdr;
    image->elf = elf;
    image->entry = ehdr->e_entry;
    read_sections(image, elf, ehdr);
    if (!image->part_count)
        read_segments(image, phdr, count, headers_end);
    qsort(image->parts, image->part_count, sizeof image->parts[0], by_address);
    qsort(image->symbols, image->symbol_count, sizeof image->symbols[0], by_address);
    for (struct part *part = image->parts; part < image->parts + image->part_count; part++) {
        if (part->addr + part->size < part->addr ||
            (part > image->parts && part[-1].addr + part[-1].size > part->addr))
            fail(2, image->path, "overlapping sections or segments at 0x%" PRIx64, part->addr);
    }
    for (size_t i = 0; i < count; i++)
        if (phdr[i].p_type == PT_LOAD && phdr[i].p_flags & PF_X)
            check_gaps(image, phdr[i].p_offset > headers_end ? phdr[i].p_offset : headers_end,
                       phdr[i].p_offset + phdr[i].p_filesz);
}

void image_close(struct image *image)
{
    elf_end(image->elf);
    free(image->bytes);
    free(image->parts);
    free(image->symbols);
}

void image_write(const struct image *image, const char *path)
{
    size_t length = strlen(path) + sizeof ".XXXXXX", done = 0;
    char *temporary = array(image, length, 1);

    snprintf(temporary, length, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    if (fd < 0)
        fail(1, path, "%s", strerror(errno));
    for (ssize_t n = 1; done < image->size && n > 0; done += (size_t)n)
        n = write(fd, image->bytes + done, image->size - done);
    if (done < image->size || fchmod(fd, image->mode) < 0 || close(fd) < 0 ||
        rename(temporary, path) < 0) {
        int error = errno;
        unlink(temporary);
        fail(1, path, "%s", strerror(error));
    }
    free(temporary);
}
