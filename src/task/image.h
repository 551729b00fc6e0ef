/* What a program begins with: an ELF file and its arguments become an address space with an initial stack. Long
 * arguments take several pieces. */
#pragma once

#include "mm/usercopy.h"

struct space;

/* A vector of strings, in user memory of the loaded space or in the kernel's; NULL-terminated. */
struct exec_strings {
    const char *const *kernel; /* NULL: user */
    user_addr_t user;          /* 0: empty */
};

struct image {
    struct space *space;   /* NULL, after an error: there is nothing to tear down */
    uint64_t entry, stack; /* where to begin */

    /* How far it has come. */
    struct exec_strings strings[2]; /* arguments, environment */
    uint64_t count[2];
    bool counted[2];
    unsigned which;   /* of the two is copied */
    uint64_t index;   /* of the string in it */
    user_addr_t from; /* the rest of that string; 0: not begun */
    uint64_t string;  /* where it begins in the new space */
    uint64_t at;      /* where the next byte goes there */

    /* For the auxiliary vector. */
    uint64_t phdr, phnum, random, platform, path;
};

enum { IMAGE_DONE = 0, IMAGE_MORE = 1 };

/* Begins an image of the initramfs file `path`. 0, or a negative errno; -ENOEXEC is explained in the log. In
 * any case image->space is the caller's. */
int image_begin(struct image *image, const char *path, const struct exec_strings *argv,
                const struct exec_strings *envp);

/* A piece. IMAGE_DONE, IMAGE_MORE, or a negative errno. */
int image_go_on(struct image *image);
