/* Calls on descriptors: moving bytes, and what else an open file can be asked. */

#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "dev/channel.h"
#include "dev/console.h"
#include "lib/random.h"
#include "lib/string.h"
#include "sys/table.h"
#include "task/files.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/uio.h>

#define CHUNK         256
#define TRANSFER_MAX  0x7ffff000UL /* what Linux moves in one call at most */
#define DEVICE_MAX    (1UL << 20)  /* from a device: no call may keep its CPU for long */
#define SERIAL_MAX    4096UL       /* to a serial port: a third of a second at 115,200 baud */
#define INPUT_POLL_NS 10000000UL

/* Moves up to `size` bytes from the file at *offset to user memory. Bytes moved, or an errno when
 * none were. */
static long read_file(struct file *file, user_addr_t buffer, size_t size, uint64_t *offset)
{
    uint8_t chunk[CHUNK];
    size_t done = 0, failed = 0;
    if (file->kind == FILE_REGULAR) {
        uint64_t left = *offset < file->entry.size ? file->entry.size - *offset : 0;
        size = size < left ? size : left;
        failed = copy_to_user_partial(buffer, file->entry.data + *offset, size);
        done = size - failed;
        *offset += done;
        return failed && !done ? -EFAULT : (long)done;
    }
    if (size > DEVICE_MAX)
        size = DEVICE_MAX;
    while (done < size && !failed) {
        size_t want = size - done < CHUNK ? size - done : CHUNK;
        if (file->kind == FILE_RANDOM)
            random_bytes(chunk, want);
        else
            memset(chunk, 0, want);
        failed = copy_to_user_partial(buffer + done, chunk, want);
        done += want - failed;
    }
    return failed && !done ? -EFAULT : (long)done;
}

/* The console or the channel: it has no position. */
static bool is_serial(const struct file *file)
{
    return file->kind == FILE_CONSOLE || file->kind == FILE_CHANNEL;
}

/* What the serial port has. When it has nothing, the console blocks and the channel does not. */
static long read_serial(enum file_kind kind, user_addr_t buffer, size_t size)
{
    uint8_t chunk[CHUNK];
    size_t got = 0;
    while (got < size && got < CHUNK) {
        int byte = kind == FILE_CONSOLE ? console_read_byte() : channel_read_byte();
        if (byte < 0)
            break;
        chunk[got++] = kind == FILE_CONSOLE && byte == '\r' ? '\n' : (uint8_t)byte;
    }
    if (!got && size && kind == FILE_CHANNEL)
        return -EAGAIN;
    if (!got && size) {
        /* The port is looked at again when the call is issued again, after a while. */
        sched_block(WAIT_INPUT, clock_boot_ns() + INPUT_POLL_NS);
        return 0;
    }
    return copy_to_user(buffer, chunk, got) ? -EFAULT : (long)got;
}

/* Bytes on their way to a serial port: a chunk is written in one piece, or not at all when some of
 * it cannot be copied. */
struct gather {
    enum file_kind kind;
    char chunk[CHUNK];
    size_t used;
    long written;
    long error; /* what has ended the write: -EFAULT; -EIO: the channel takes no more */
};

static void flush(struct gather *gather)
{
    size_t sent = gather->used;
    if (gather->kind == FILE_CONSOLE)
        console_write(gather->chunk, gather->used);
    else
        sent = channel_write(gather->chunk, gather->used);
    gather->written += (long)sent;
    gather->error = sent < gather->used ? -EIO : 0;
    gather->used = 0;
}

/* Stops at an error and at SERIAL_MAX. */
static void gather_from_user(struct gather *gather, user_addr_t from, size_t size)
{
    while (size && !gather->error && gather->written < (long)SERIAL_MAX) {
        size_t room = CHUNK - gather->used, part = size < room ? size : room;
        gather->error = copy_from_user(gather->chunk + gather->used, from, part);
        if (gather->error)
            return;
        gather->used += part;
        from += part;
        size -= part;
        if (gather->used == CHUNK)
            flush(gather);
    }
}

/* Ends a write: what the call returns. */
static long finish(struct gather *gather)
{
    if (!gather->error)
        flush(gather);
    return gather->written ? gather->written : gather->error;
}

static long write_serial(enum file_kind kind, user_addr_t buffer, size_t size)
{
    struct gather gather = {.kind = kind};
    gather_from_user(&gather, buffer, size);
    return finish(&gather);
}

enum direction { READING, WRITING };

/* An open file of the current process that allows the direction; 0 or -EBADF, -EISDIR. */
static long get_for(int fd, enum direction direction, struct file **out)
{
    struct file *file = file_get(fd);
    if (!file)
        return -EBADF;
    uint32_t mode = file->flags & O_ACCMODE;
    long error = mode == (direction == READING ? O_WRONLY : O_RDONLY) ? -EBADF
                 : file->kind == FILE_DIRECTORY                       ? -EISDIR
                                                                      : 0;
    if (error)
        file_put(file);
    *out = file;
    return error;
}

static long transfer(struct file *file, enum direction direction, user_addr_t buffer, size_t size,
                     uint64_t *offset)
{
    if (!user_range_ok(buffer, size))
        return -EFAULT;
    if (size > TRANSFER_MAX)
        size = TRANSFER_MAX;
    if (direction == WRITING)
        return is_serial(file) ? write_serial(file->kind, buffer, size) : (long)size;
    if (file->kind == FILE_NULL)
        return 0;
    return is_serial(file) ? read_serial(file->kind, buffer, size)
                           : read_file(file, buffer, size, offset);
}

static long transfer_fd(int fd, enum direction direction, user_addr_t buffer, size_t size)
{
    struct file *file;
    long result = get_for(fd, direction, &file);
    if (result)
        return result;
    uint64_t offset = file->offset;
    result = transfer(file, direction, buffer, size, &offset);
    file->offset = offset;
    file_put(file);
    return result;
}

long sys_read(int fd, user_addr_t buffer, size_t count)
{
    return transfer_fd(fd, READING, buffer, count);
}

long sys_write(int fd, user_addr_t buffer, size_t count)
{
    return transfer_fd(fd, WRITING, buffer, count);
}

long sys_pread64(int fd, user_addr_t buffer, size_t count, int64_t position)
{
    if (position < 0)
        return -EINVAL;
    struct file *file;
    long result = get_for(fd, READING, &file);
    if (result)
        return result;
    uint64_t offset = (uint64_t)position;
    result = is_serial(file) ? -ESPIPE : transfer(file, READING, buffer, count, &offset);
    file_put(file);
    return result;
}

/* Checks all lengths and addresses before anything moves. 0, -EINVAL or -EFAULT. */
static long check_vector(user_addr_t vector, unsigned long count)
{
    uint64_t total = 0;
    if (count > UIO_MAXIOV)
        return -EINVAL;
    for (unsigned long i = 0; i < count; i++) {
        struct iovec part;
        if (copy_from_user(&part, vector + i * sizeof(part), sizeof(part)))
            return -EFAULT;
        if ((int64_t)part.iov_len < 0 || (total += part.iov_len) > INT64_MAX)
            return -EINVAL;
        if (!user_range_ok((user_addr_t)part.iov_base, part.iov_len))
            return -EFAULT;
    }
    return 0;
}

/* Writes all the vectors' bytes as one write would. */
static long write_serial_vector(enum file_kind kind, user_addr_t vector, unsigned long count)
{
    struct gather gather = {.kind = kind};
    for (unsigned long i = 0; !gather.error && i < count; i++) {
        struct iovec part;
        gather.error = copy_from_user(&part, vector + i * sizeof(part), sizeof(part));
        if (!gather.error)
            gather_from_user(&gather, (user_addr_t)part.iov_base, part.iov_len);
    }
    return finish(&gather);
}

static long transfer_each(struct file *file, enum direction direction, user_addr_t vector,
                          unsigned long count)
{
    long done = 0;
    uint64_t offset = file->offset;
    for (unsigned long i = 0; i < count; i++) {
        struct iovec part;
        if (copy_from_user(&part, vector + i * sizeof(part), sizeof(part)))
            return done ? done : -EFAULT;
        if (!part.iov_len)
            continue;
        long moved = transfer(file, direction, (user_addr_t)part.iov_base, part.iov_len, &offset);
        file->offset = offset;
        if (moved < 0)
            return done ? done : moved;
        done += moved;
        /* A console that has given something would block when asked for more. */
        bool enough = is_serial(file) || done >= (long)DEVICE_MAX;
        if (moved < (long)part.iov_len ||
            (direction == READING && file->kind != FILE_REGULAR && enough))
            break;
    }
    return done;
}

static long transfer_vector(int fd, enum direction direction, user_addr_t vector,
                            unsigned long count)
{
    struct file *file;
    long result = get_for(fd, direction, &file);
    if (result)
        return result;
    result = check_vector(vector, count);
    if (!result && direction == WRITING && is_serial(file))
        result = write_serial_vector(file->kind, vector, count);
    else if (!result)
        result = transfer_each(file, direction, vector, count);
    file_put(file);
    return result;
}

long sys_readv(int fd, user_addr_t vector, unsigned long count)
{
    return transfer_vector(fd, READING, vector, count);
}

long sys_writev(int fd, user_addr_t vector, unsigned long count)
{
    return transfer_vector(fd, WRITING, vector, count);
}

long sys_close(int fd)
{
    return files_close(fd);
}

static long seek(struct file *file, int64_t offset, uint32_t whence)
{
    if (is_serial(file))
        return -ESPIPE;
    if (whence > SEEK_END)
        return -EINVAL;
    if (file->kind != FILE_REGULAR)
        return 0;
    int64_t from = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)file->offset
                                        : (int64_t)file->entry.size;
    int64_t to;
    if (__builtin_add_overflow(from, offset, &to) || to < 0)
        return -EINVAL;
    file->offset = (uint64_t)to;
    return to;
}

long sys_lseek(int fd, int64_t offset, uint32_t whence)
{
    struct file *file = file_get(fd);
    if (!file)
        return -EBADF;
    long result = seek(file, offset, whence);
    file_put(file);
    return result;
}

long sys_ioctl(int fd, uint32_t request, user_addr_t argument)
{
    struct file *file = file_get(fd);
    if (!file)
        return -EBADF;
    bool console = file->kind == FILE_CONSOLE;
    file_put(file);
    if (!console)
        return -ENOTTY;
    if (request == TIOCGWINSZ) {
        struct winsize size = {.ws_row = 25, .ws_col = 80};
        return copy_to_user(argument, &size, sizeof(size));
    }
    if (request == TCGETS) {
        struct termios settings = {
            .c_iflag = ICRNL, .c_oflag = OPOST | ONLCR, .c_cflag = CS8 | CREAD | B115200};
        return copy_to_user(argument, &settings, sizeof(settings));
    }
    return -ENOTTY;
}

long sys_fcntl(int fd, uint32_t command, uint64_t argument)
{
    struct file *file = file_get(fd);
    if (!file)
        return -EBADF;
    long result = 0;
    switch (command) {
    case F_GETFD:
        result = files_get_close_on_exec(fd);
        break;
    case F_SETFD:
        files_set_close_on_exec(fd, argument & FD_CLOEXEC);
        break;
    case F_GETFL:
        result = (long)(file->flags | O_LARGEFILE);
        break;
    default:
        result = -EINVAL;
    }
    file_put(file);
    return result;
}
