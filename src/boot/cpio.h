/* The initramfs: a cpio archive in the newc format (magic 070701, or 070702 with checksums), or
 * several one after another with zeros between them, as Linux takes them. By name: boot/cpio_index.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/parse.h"

/* Of cpio_entry.mode: S_IFMT and its kin, which <linux/stat.h> hides from host tests. */
#define CPIO_TYPE      0170000U
#define CPIO_SYMLINK   0120000U
#define CPIO_REGULAR   0100000U
#define CPIO_DIRECTORY 0040000U

/* name and data point into the archive. */
struct cpio_entry {
    const char *name; /* as stored, terminated */
    size_t name_length;
    uint32_t mode; /* type and permissions */
    uint32_t uid;
    uint32_t gid;
    uint32_t mtime; /* seconds since 1970 */
    uint32_t ino;
    uint32_t nlink;
    uint32_t dev_major, dev_minor;   /* where the file lay when it was packed */
    uint32_t rdev_major, rdev_minor; /* for device files */
    const uint8_t *data;             /* contents; for a symbolic link its target, not terminated */
    size_t size;
};

/* Start with *offset = 0. 1 and an entry, with *offset moved on; 0 at the end, with *offset left
 * alone, so that asking again is harmless; -EINVAL for a malformed or truncated archive. Verifies
 * a regular file's checksum in 070702, which reads all of its contents. */
int cpio_next(const void *archive, size_t length, size_t *offset, struct cpio_entry *entry,
              struct parse_error *error);
