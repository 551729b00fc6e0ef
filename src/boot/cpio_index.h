/* The initramfs by name: a tree over a cpio archive, so that a look-up takes a few comparisons of names
 * however many files there are. Made once, at boot, and read without a lock afterwards. */
#pragma once

#include "boot/cpio.h"
#include "lib/tree.h"

struct cpio_index {
    struct tree names;
    size_t entries; /* of the archive, those that others override among them */
};

/* Indexes the whole archive, which lives on. The last entry of a path counts (a later archive overrides an
 * earlier one). Leading "/" and "./" of names are dropped; "." becomes "". A file of several names has its
 * contents under each: the format stores them under the last one only. 0; -EINVAL for a malformed
 * archive, with the error filled; -ENOMEM. What a failed one took is not given back. */
int cpio_index_make(struct cpio_index *index, const void *archive, size_t length,
                    struct parse_error *error);

/* The first entry whose name is `path` or comes behind it in strcmp's order; NULL: none. */
const struct cpio_entry *cpio_index_from(const struct cpio_index *index, const char *path);

/* The entry of an index behind this one in that order, or NULL. */
const struct cpio_entry *cpio_index_next(const struct cpio_entry *entry);

/* The entry of that name, or NULL. Symbolic links are not followed. */
const struct cpio_entry *cpio_index_find(const struct cpio_index *index, const char *path);
