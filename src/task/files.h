/* Open files: the initramfs, read-only, and the devices. */
#pragma once

#include "boot/cpio_index.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct process;

#define PATH_SIZE 256 /* bytes of a path that is taken, the terminator included */

enum file_kind {
    FILE_CONSOLE,
    FILE_CHANNEL,
    FILE_NULL,
    FILE_ZERO,
    FILE_RANDOM,
    FILE_REGULAR,
    FILE_DIRECTORY,
};

struct file {
    _Atomic uint32_t refs;
    enum file_kind kind;
    uint32_t flags;          /* O_ACCMODE and status flags; constant */
    uint64_t ino;            /* st_ino; constant */
    _Atomic uint64_t offset; /* FILE_REGULAR */
    struct cpio_entry entry; /* FILE_REGULAR, FILE_DIRECTORY */
};

/* The initramfs, which lives on; how many entries it has. Called once, at boot. 0; -EINVAL for a malformed
 * archive, with the error filled; -ENOMEM. */
int files_init(const void *archive, size_t length, size_t *entries, struct parse_error *error);

/* The text of /dev/sallyport, kept and not copied: to programs a regular file. Called once, at
 * boot. */
void files_set_about(const char *text, size_t length);

/* What the path (absolute after normalising, symbolic links followed if `follow`) names: fills kind
 * and entry. 0, -ENOENT, -ELOOP, -ENOTDIR. */
int files_lookup(const char *path, bool follow, struct file *out);

/* The contents of an executable regular file. 0, -ENOENT, -EACCES, -ELOOP, -ENOTDIR. */
int files_find_program(const char *path, const uint8_t **data, size_t *size);

/* FD_CLOEXEC of an open descriptor of the current process. */
bool files_get_close_on_exec(int descriptor);
void files_set_close_on_exec(int descriptor, bool on);

/* Opens for the current process. A descriptor or a negative errno; -ENXIO: the device is not in this
 * machine. */
int files_open(const char *path, uint32_t flags);

/* Descriptors 0, 1 and 2 of a new process: the console. 0 or -ENOMEM. */
int files_open_standard(struct process *process);

/* The current process's open file with a reference, or NULL. */
struct file *file_get(int descriptor);
void file_put(struct file *file);

int files_close(int descriptor); /* 0 or -EBADF */
void files_close_all(struct process *process);
void files_close_on_exec(struct process *process);

/* The child gets all of the parent's descriptors. The child is private to the caller. */
void files_share(struct process *child, struct process *parent);
