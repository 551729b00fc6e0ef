/* Moving bytes between open files and ring 3: read, write and their kin; and getrandom, which is a read from
 * a file that needs no descriptor. What is long goes in pieces. */

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
#include <linux/fcntl.h>
#include <linux/random.h>
#include <linux/uio.h>

#define CHUNK         256
#define TRANSFER_MAX  0x7ffff000UL /* what Linux moves in one call at most */
#define SERIAL_MAX    4096UL       /* to a serial port: a third of a second at 115,200 baud */
#define INPUT_POLL_NS 10000000UL

/* What a piece moves at most: 200,000 instructions, a page fault for each page among them. */
#define PIECE        (128UL << 10)
#define RANDOM_PIECE (2UL << 10)
#define PARTS_PIECE  128U
#define CHUNKS_PIECE 2U /* to a serial port; a screen takes long over tabs */

static const struct file random = {.kind = FILE_RANDOM}; /* what getrandom reads */

/* Moves up to `size` bytes from the file at *offset to user memory: the bytes moved, fewer at the file's end
 * and at a bad address; then *failed is set. */
static size_t read_some(const struct file *file, user_addr_t buffer, size_t size, uint64_t *offset,
                        bool *failed)
{
    if (file->kind == FILE_NULL)
        return 0;
    if (file->kind == FILE_REGULAR) {
        uint64_t left = *offset < file->entry.size ? file->entry.size - *offset : 0;
        size = size < left ? size : left;
        size_t missed = copy_to_user_partial(buffer, file->entry.data + *offset, size);
        *failed = missed;
        *offset += size - missed;
        return size - missed;
    }
    uint8_t chunk[CHUNK] = {0};
    size_t done = 0;
    while (done < size && !*failed) {
        size_t want = size - done < CHUNK ? size - done : CHUNK;
        if (file->kind == FILE_RANDOM)
            random_bytes(chunk, want);
        size_t missed = copy_to_user_partial(buffer + done, chunk, want);
        done += want - missed;
        *failed = missed;
    }
    return done;
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

/* An open file of the current process that allows the direction; 0 or -EBADF, -EISDIR. */
static long get_for(int fd, bool writing, struct file **out)
{
    struct file *file = file_get(fd);
    if (!file)
        return -EBADF;
    uint32_t mode = file->flags & O_ACCMODE;
    long error = mode == (writing ? O_RDONLY : O_WRONLY) ? -EBADF
                 : file->kind == FILE_DIRECTORY          ? -EISDIR
                                                         : 0;
    if (error)
        file_put(file);
    *out = file;
    return error;
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

/* The next part of the vector that has bytes. 1, 0 when there is none, or -EFAULT. */
static long next_part(struct transfer *transfer)
{
    while (!transfer->left && transfer->parts) {
        struct iovec part;
        if (copy_from_user(&part, transfer->vector, sizeof(part)))
            return -EFAULT;
        transfer->vector += sizeof(part);
        transfer->parts--;
        transfer->buffer = (user_addr_t)part.iov_base;
        transfer->left = part.iov_len;
        if (transfer->left)
            break;
    }
    return transfer->left > 0;
}

/* Fills a chunk from one part after the other, as far as there are any. 0 or -EFAULT. */
static long gather(struct transfer *transfer, char chunk[CHUNK], size_t *used)
{
    for (*used = 0; *used < CHUNK;) {
        long more = next_part(transfer);
        if (more <= 0)
            return more;
        size_t room = CHUNK - *used, size = transfer->left < room ? transfer->left : room;
        if (copy_from_user(chunk + *used, transfer->buffer, size))
            return -EFAULT;
        *used += size;
        transfer->buffer += size;
        transfer->left -= size;
    }
    return 0;
}

/* Writes what a piece may to a serial port: a chunk is written in one piece, or not at all when some of it
 * cannot be copied. As move_piece otherwise. */
static bool write_serial_piece(const struct file *file, struct transfer *transfer)
{
    for (unsigned n = 0; n < CHUNKS_PIECE; n++) {
        char chunk[CHUNK];
        size_t used, sent;
        long error = transfer->done < (long)SERIAL_MAX ? gather(transfer, chunk, &used) : 0;
        if (transfer->done >= (long)SERIAL_MAX || error || !used) {
            if (!transfer->done)
                transfer->done = error;
            return true;
        }
        if (file->kind == FILE_CONSOLE)
            console_write(chunk, sent = used);
        else
            sent = channel_write(chunk, used);
        transfer->done += (long)sent;
        if (sent < used && !transfer->done)
            transfer->done = -EIO; /* the channel takes no more */
        if (sent < used || used < CHUNK)
            return true;
    }
    return false;
}

/* Moves what a piece may. True: that was all, or no more comes; transfer->done is what has been moved, or an
 * errno. */
static bool move_piece(const struct file *file, struct transfer *transfer)
{
    size_t budget = file->kind == FILE_RANDOM ? RANDOM_PIECE : PIECE;
    for (unsigned parts = 0; parts < PARTS_PIECE; parts++) {
        long more = transfer->done < (long)TRANSFER_MAX ? next_part(transfer) : 0;
        if (more < 0 && !transfer->done)
            transfer->done = more;
        if (more <= 0)
            return true;
        size_t size = transfer->left < budget ? transfer->left : budget;
        if (size > TRANSFER_MAX - (size_t)transfer->done)
            size = TRANSFER_MAX - (size_t)transfer->done;
        bool failed = false;
        size_t moved = transfer->writing
                           ? size
                           : read_some(file, transfer->buffer, size, &transfer->offset, &failed);
        transfer->done += (long)moved;
        transfer->buffer += moved;
        transfer->left -= moved;
        if (failed && !transfer->done)
            transfer->done = -EFAULT;
        if (moved < size)
            return true;
        budget -= transfer->writing ? 0 : moved;
        if (!budget)
            return false;
    }
    return false;
}

static bool do_piece(const struct file *file, struct transfer *transfer)
{
    return file_is_serial(file) && transfer->writing ? write_serial_piece(file, transfer)
                                                     : move_piece(file, transfer);
}

/* Between two pieces nothing holds the file: should the descriptor mean another one then, it ends there. */
static void go_on(struct thread *thread, struct trap_frame *frame)
{
    struct transfer *transfer = &thread->call.transfer;
    struct file *file = transfer->file ? file_get(transfer->fd) : NULL;
    bool over = file != transfer->file || do_piece(file ? file : &random, transfer);
    if (file && file == transfer->file && !transfer->positioned)
        file->offset = transfer->offset;
    if (file)
        file_put(file);
    if (over)
        frame->rax = (uint64_t)transfer->done;
    else
        sched_go_on(go_on);
}

/* The first piece. What the call returns; the transfer has its parts. */
static long begin(const struct file *file, struct transfer *transfer)
{
    if (file_is_serial(file) && !transfer->writing) {
        long more = next_part(transfer);
        return more > 0 ? read_serial(file->kind, transfer->buffer, transfer->left) : more;
    }
    if (do_piece(file, transfer))
        return transfer->done;
    this_cpu->current->call.transfer = *transfer;
    sched_go_on(go_on);
    return 0;
}

static long begin_fd(int fd, struct transfer *transfer)
{
    struct file *file;
    long result = get_for(fd, transfer->writing, &file);
    if (result)
        return result;
    if (transfer->parts)
        result = check_vector(transfer->vector, transfer->parts);
    else if (!user_range_ok(transfer->buffer, transfer->left))
        result = -EFAULT;
    if (transfer->positioned && file_is_serial(file))
        result = -ESPIPE;
    if (!result) {
        transfer->fd = fd;
        transfer->file = file;
        if (!transfer->positioned)
            transfer->offset = file->offset;
        result = begin(file, transfer);
        if (!transfer->positioned)
            file->offset = transfer->offset;
    }
    file_put(file);
    return result;
}

long sys_read(int fd, user_addr_t buffer, size_t count)
{
    return begin_fd(fd, &(struct transfer){.buffer = buffer, .left = count});
}

long sys_write(int fd, user_addr_t buffer, size_t count)
{
    return begin_fd(fd, &(struct transfer){.writing = true, .buffer = buffer, .left = count});
}

long sys_pread64(int fd, user_addr_t buffer, size_t count, int64_t position)
{
    if (position < 0)
        return -EINVAL;
    return begin_fd(
        fd, &(struct transfer){
                .positioned = true, .offset = (uint64_t)position, .buffer = buffer, .left = count});
}

long sys_readv(int fd, user_addr_t vector, unsigned long count)
{
    return begin_fd(fd, &(struct transfer){.vector = vector, .parts = count});
}

long sys_writev(int fd, user_addr_t vector, unsigned long count)
{
    return begin_fd(fd, &(struct transfer){.writing = true, .vector = vector, .parts = count});
}

long sys_getrandom(user_addr_t buffer, size_t size, uint32_t flags)
{
    if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
        (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if (!user_range_ok(buffer, size))
        return -EFAULT;
    return begin(&random, &(struct transfer){.buffer = buffer, .left = size});
}
