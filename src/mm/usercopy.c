/* Checked copies between ring 0 and ring 3. */

#include "mm/usercopy.h"
#include "cpu/cpu.h"
#include "smp/ipi.h"
#include <asm/errno.h>

/* usercopy.asm. Both pointers are good or user addresses; returns the bytes not copied. */
size_t user_copy(void *dst, const void *src, size_t size);
size_t user_clear(void *dst, size_t size);

struct fixup {
    uint64_t fault, landing; /* addresses of instructions */
};
extern const struct fixup fixup_table_start[], fixup_table_end[];

bool user_range_ok(user_addr_t address, uint64_t size)
{
    return size <= USER_END && address <= USER_END - size;
}

/* The part of a range that lies in user space: copies go up to there, as on Linux, where they would
 * fault at its end. */
static size_t clip(user_addr_t address, size_t size)
{
    if (address >= USER_END)
        return 0;
    return size < USER_END - address ? size : USER_END - address;
}

size_t copy_from_user_partial(void *dst, user_addr_t src, size_t size)
{
    ipi_serve(); /* calls that copy in a loop may take long */
    size_t inside = clip(src, size);
    size_t left = inside ? user_copy(dst, (const void *)src, inside) : 0;
    return size - inside + left;
}

size_t copy_to_user_partial(user_addr_t dst, const void *src, size_t size)
{
    ipi_serve();
    size_t inside = clip(dst, size);
    size_t left = inside ? user_copy((void *)dst, src, inside) : 0;
    return size - inside + left;
}

int copy_from_user(void *dst, user_addr_t src, size_t size)
{
    return user_range_ok(src, size) && !copy_from_user_partial(dst, src, size) ? 0 : -EFAULT;
}

int copy_to_user(user_addr_t dst, const void *src, size_t size)
{
    return user_range_ok(dst, size) && !copy_to_user_partial(dst, src, size) ? 0 : -EFAULT;
}

int peek_user_u32(uint32_t *value, user_addr_t src)
{
    this_cpu->no_fault = 1;
    int error = copy_from_user(value, src, sizeof(*value));
    this_cpu->no_fault = 0;
    return error;
}

int clear_user(user_addr_t dst, size_t size)
{
    if (!user_range_ok(dst, size))
        return -EFAULT;
    return size && user_clear((void *)dst, size) ? -EFAULT : 0;
}

int64_t strnlen_user(user_addr_t string, size_t max)
{
    char chunk[64];
    size_t length = 0;
    while (length < max) {
        size_t want = sizeof(chunk) < max - length ? sizeof(chunk) : max - length;
        size_t got = want - copy_from_user_partial(chunk, string + length, want);
        for (size_t i = 0; i < got; i++)
            if (!chunk[i])
                return (int64_t)(length + i);
        if (got < want)
            return -EFAULT;
        length += got;
    }
    return (int64_t)max;
}

int64_t copy_string_from_user(char *dst, user_addr_t src, size_t size)
{
    int64_t length = strnlen_user(src, size);
    if (length < 0)
        return length;
    if ((size_t)length == size)
        return -ENAMETOOLONG;
    if (copy_from_user(dst, src, (size_t)length))
        return -EFAULT;
    dst[length] = '\0'; /* another thread may have changed the string meanwhile */
    return length;
}

static const struct fixup *find_fixup(const struct trap_frame *frame)
{
    for (const struct fixup *f = fixup_table_start; f < fixup_table_end; f++)
        if (f->fault == frame->rip)
            return f;
    return NULL;
}

bool usercopy_expects(const struct trap_frame *frame)
{
    return find_fixup(frame) != NULL;
}

bool usercopy_fixup(struct trap_frame *frame)
{
    const struct fixup *fixup = find_fixup(frame);
    if (fixup)
        frame->rip = fixup->landing;
    return fixup != NULL;
}
