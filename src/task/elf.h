/* Static x86-64 ELF programs (System V ABI, AMD64 supplement): what to load where. Reads the
 * headers only; loading is the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/parse.h"

#define ELF_SEGMENT_MAX 16

/* Bytes [offset, offset + filesz) of the file go to vaddr, zeros up to vaddr + memsz.
 * 0 < memsz, filesz <= memsz; offset and vaddr agree modulo the page size unless filesz is 0, when
 * offset is 0 as well. */
struct elf_segment {
    uint64_t vaddr;
    uint64_t memsz;
    uint64_t offset;
    uint64_t filesz;
    uint32_t flags; /* PF_R, PF_W, PF_X */
};

/* Addresses are as in the file: when `relocatable`, the loader adds a page-aligned base to all of
 * them, and it is the loader who sees that base + highest stays within user space. */
struct elf_image {
    bool relocatable; /* ET_DYN: a static-pie program */
    bool exec_stack;  /* PT_GNU_STACK asks for an executable stack */
    uint64_t entry;
    uint64_t phdr_vaddr; /* of the program header table, for AT_PHDR; 0: not loaded */
    uint16_t phnum;
    uint64_t lowest;  /* address of the first byte of the first segment */
    uint64_t highest; /* address after the last byte of the last one; at most USER_END */
    size_t segment_count;
    struct elf_segment segments[ELF_SEGMENT_MAX]; /* ascending; no two share a page */
};

/* 0, or -ENOEXEC with error->what saying what kind of file it is or what is wrong with it. */
int elf_parse(const void *file, size_t size, struct elf_image *out, struct parse_error *error);
