/* Calls on the address space. What they ask for is done in pieces (mm/changes.h), the first at once. */

#include "cpu/cpu.h"
#include "mm/changes.h"
#include "sys/table.h"
#include "task/files.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include "task/turn.h"
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* What the current call changes; kept in the thread until it is done. */
static struct space_change *own_change(void)
{
    return &this_cpu->current->call.change;
}

static bool do_piece(struct thread *thread)
{
    struct space *space = thread->process->space;
    int state = space_change(space, thread, &thread->call.change);
    if (state == SPACE_BUSY)
        turn_wait(space);
    return state == SPACE_DONE;
}

static bool abandon(struct thread *thread)
{
    turn_end(thread->process->space, thread);
    return true;
}

static void go_on(struct thread *thread, struct trap_frame *frame)
{
    if (!do_piece(thread)) {
        sched_go_on(go_on);
        return;
    }
    thread->abandon = NULL;
    turn_end(thread->process->space, thread);
    frame->rax = (uint64_t)thread->call.change.result;
}

/* The result of the change that has been filled in, if one piece is all of it. */
static long begin(void)
{
    struct thread *thread = this_cpu->current;
    if (do_piece(thread))
        return thread->call.change.result;
    thread->abandon = abandon;
    sched_go_on(go_on);
    return 0;
}

static uint64_t page_align(uint64_t length)
{
    return (length + PAGE_SIZE - 1) & PAGE_MASK;
}

/* Whether [address, address + length) is made of pages of user space. */
static bool range_ok(uint64_t address, uint64_t length)
{
    return address % PAGE_SIZE == 0 && length <= USER_END && address <= USER_END - length;
}

/* What a mapping of a file shows. */
static long file_bytes(int fd, uint64_t prot, uint64_t flags, uint64_t offset,
                       const uint8_t **bytes, uint64_t *size)
{
    struct file *file = file_get(fd);
    if (!file)
        return -EBADF;
    long error = 0;
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    if ((file->flags & O_ACCMODE) == O_WRONLY || (shared && (prot & PROT_WRITE)))
        error = -EACCES;
    else if (file->kind == FILE_ZERO)
        *bytes = NULL;
    else if (file->kind != FILE_REGULAR)
        error = -ENODEV;
    else {
        /* Beyond its end too there is a file, with no bytes: a touch there is SIGBUS. */
        uint64_t from = offset < file->entry.size ? offset : file->entry.size;
        *bytes = file->entry.data + from;
        *size = file->entry.size - from;
    }
    file_put(file); /* the bytes are the initramfs's and stay */
    return error;
}

long sys_mmap(uint64_t address, uint64_t length, uint64_t prot, uint64_t flags, int fd,
              uint64_t offset)
{
    const uint8_t *bytes = NULL;
    uint64_t size = 0;
    uint64_t type = flags & MAP_TYPE;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (offset % PAGE_SIZE)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS)) {
        long error = file_bytes(fd, prot, flags, offset, &bytes, &size);
        if (error)
            return error;
    }
    if (!(flags & MAP_ANONYMOUS) && offset > INT64_MAX - (length < INT64_MAX ? length : INT64_MAX))
        return -EOVERFLOW;
    if (!length || (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE))
        return -EINVAL;
    length = page_align(length);
    if (!length || length > USER_END)
        return -ENOMEM;
    uint32_t rights = prot & PROT_ALL;
    if (!fixed) {
        change_map(own_change(), page_align(address), false, length, rights, bytes, size);
        return begin();
    }
    if (address % PAGE_SIZE)
        return -EINVAL;
    if (!range_ok(address, length))
        return -ENOMEM;
    if (address < USER_START)
        return -EPERM;
    if (flags & MAP_FIXED_NOREPLACE)
        change_map(own_change(), address, true, length, rights, bytes, size);
    else
        change_map_over(own_change(), address, length, rights, bytes, size);
    return begin();
}

long sys_munmap(uint64_t address, uint64_t length)
{
    length = page_align(length);
    if (!length || !range_ok(address, length))
        return -EINVAL;
    change_unmap(own_change(), address, length);
    return begin();
}

long sys_mprotect(uint64_t address, uint64_t length, uint64_t prot)
{
    if (address % PAGE_SIZE || (prot & ~(uint64_t)PROT_ALL))
        return -EINVAL;
    if (!length)
        return 0;
    length = page_align(length);
    if (!length || !range_ok(address, length))
        return -ENOMEM;
    change_protect(own_change(), address, length, (uint32_t)prot);
    return begin();
}

long sys_madvise(uint64_t address, uint64_t length, int advice)
{
    uint64_t aligned = page_align(length);
    if (address % PAGE_SIZE || (length && !aligned) || address + aligned < address)
        return -EINVAL;
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_FREE: /* may free at any time later: so never */
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
        return range_ok(address, aligned) ? 0 : -ENOMEM;
    case MADV_DONTNEED:
        if (!range_ok(address, aligned))
            return -ENOMEM;
        change_discard(own_change(), address, aligned);
        return begin();
    default:
        return -EINVAL;
    }
}

long sys_mremap(uint64_t old, uint64_t old_length, uint64_t new_length, uint64_t flags,
                uint64_t new_address)
{
    if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED))
        return -EINVAL;
    if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    old_length = page_align(old_length);
    new_length = page_align(new_length);
    if (old % PAGE_SIZE || !new_length || new_length > USER_END)
        return -EINVAL;
    if (flags & MREMAP_FIXED) {
        bool apart = new_address + new_length <= old || old + old_length <= new_address;
        if (!range_ok(new_address, new_length) || new_address < USER_START || !apart)
            return -EINVAL;
    }
    if (!range_ok(old, old_length))
        return -EFAULT;
    if (!old_length) /* would double a shared mapping: there are none */
        return -EINVAL;
    change_remap(own_change(), old, old_length, new_length, (uint32_t)flags, new_address);
    return begin();
}

long sys_brk(uint64_t brk)
{
    change_brk(own_change(), brk);
    return begin();
}
