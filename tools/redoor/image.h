/*
 * A static x86-64 ELF program as bytes: its loaded parts and its symbols, everything checked
 * against the file's size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

struct part { /* a section that is loaded; a segment where there are no sections */
    uint64_t addr, size;
    size_t offset; /* in the file; the bytes are all there */
    bool executable;
    bool raw; /* the section is named .door_raw */
};

struct symbol {
    uint64_t addr, size;
    const char *name;
    unsigned char type; /* STT_* */
};

struct image {
    const char *path;
    uint8_t *bytes;
    size_t size;
    mode_t mode;
    uint64_t entry;
    struct part *parts; /* sorted by address */
    size_t part_count;
    struct symbol *symbols; /* the defined ones, sorted by address */
    size_t symbol_count;
    void *elf; /* libelf's, and home of the symbols' names */
};

/* Reads path, or ends the program: status 1 if it cannot be read, 2 if it is no such program. */
void image_read(struct image *image, const char *path);

void image_close(struct image *image);

/* Replaces path by the image's bytes, whole or not at all, with the mode of the file it was read
 * from; or ends the program with status 1. */
void image_write(const struct image *image, const char *path);

/* Says "redoor: PATH: reason" and ends the program: 1 cannot read or write, 2 refused. */
_Noreturn void fail(int status, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
