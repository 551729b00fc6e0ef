/* The only ways to user memory. The caller's address space is loaded, and no lock of rank
 * LOCK_SPACE or above is held (a copy may have to bring in pages), unless said otherwise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trap_frame;

/* A user address as the call got it: not to be dereferenced. */
typedef uint64_t user_addr_t;

/* Whether [address, address + size) lies in user space as a whole. */
bool user_range_ok(user_addr_t address, uint64_t size);

/* Both return the number of bytes, at the end, that could not be copied: 0 is success. */
size_t copy_from_user_partial(void *dst, user_addr_t src, size_t size);
size_t copy_to_user_partial(user_addr_t dst, const void *src, size_t size);

/* All or -EFAULT. */
int copy_from_user(void *dst, user_addr_t src, size_t size);
int copy_to_user(user_addr_t dst, const void *src, size_t size);

/* Reads an aligned word without bringing pages in: for callers that hold locks. 0, or -EFAULT when
 * the page is not there right now. */
int peek_user_u32(uint32_t *value, user_addr_t src);

/* Zeros size bytes. 0 or -EFAULT. */
int clear_user(user_addr_t dst, size_t size);

/* Length of a user string without its terminator; max when none is found in max bytes; -EFAULT. */
int64_t strnlen_user(user_addr_t string, size_t max);

/* Copies a user string with its terminator into dst. Its length; -ENAMETOOLONG when size bytes do
 * not hold it; -EFAULT. */
int64_t copy_string_from_user(char *dst, user_addr_t src, size_t size);

/* Whether ring 0 may fault at frame->rip, in a user copy. */
bool usercopy_expects(const struct trap_frame *frame);

/* If a fault at frame->rip in ring 0 is one that a user copy expects: directs the frame to its
 * fixup. */
bool usercopy_fixup(struct trap_frame *frame);
