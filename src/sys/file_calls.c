/* Calls on descriptors: what an open file can be asked, but for moving bytes (transfer_calls.c). */

#include "sys/table.h"
#include "task/files.h"
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

long sys_close(int fd)
{
    return files_close(fd);
}

static long seek(struct file *file, int64_t offset, uint32_t whence)
{
    if (file_is_serial(file))
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
