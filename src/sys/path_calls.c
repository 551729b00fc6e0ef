/* Calls that name files by path, and those that describe files. */

#include "lib/string.h"
#include "mm/layout.h"
#include "sys/table.h"
#include "task/files.h"
#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

/* The path as the calls take it, relative to an open directory if it does not begin with "/". */
static long get_path(int dirfd, user_addr_t user, char path[PATH_SIZE])
{
    int64_t length = copy_string_from_user(path, user, PATH_SIZE);
    if (length < 0)
        return length;
    if (!length || path[0] == '/' || dirfd == AT_FDCWD)
        return 0;
    struct file *file = file_get(dirfd);
    if (!file)
        return -EBADF;
    long error = 0;
    size_t folder = file->kind == FILE_DIRECTORY ? strlen(file->entry.name) : 0;
    if (file->kind != FILE_DIRECTORY) {
        error = -ENOTDIR;
    } else if (folder + 1 + (size_t)length >= PATH_SIZE) {
        error = -ENAMETOOLONG;
    } else {
        memmove(path + folder + 1, path, (size_t)length + 1);
        memcpy(path, file->entry.name, folder);
        path[folder] = '/';
    }
    file_put(file);
    return error;
}

/* What the path names; the file is not opened. */
static long look_up(int dirfd, user_addr_t user_path, bool follow, struct file *out)
{
    char path[PATH_SIZE];
    *out = (struct file){0};
    long error = get_path(dirfd, user_path, path);
    return error ? error : files_lookup(path, follow, out);
}

long sys_openat(int dirfd, user_addr_t user_path, uint32_t flags)
{
    char path[PATH_SIZE];
    long error = get_path(dirfd, user_path, path);
    return error ? error : files_open(path, flags);
}

long sys_open(user_addr_t path, uint32_t flags)
{
    return sys_openat(AT_FDCWD, path, flags);
}

static long put_stat(const struct file *file, user_addr_t out)
{
    struct stat stat = {
        .st_ino = file->ino,
        .st_nlink = 1,
        .st_blksize = PAGE_SIZE,
        .st_mode = S_IFCHR | 0666,
        .st_rdev = 5 << 8 | 1, /* /dev/console, in Linux's numbering */
    };
    if (file->kind == FILE_REGULAR || file->kind == FILE_DIRECTORY) {
        const struct cpio_entry *entry = &file->entry;
        stat.st_mode = entry->mode;
        stat.st_uid = entry->uid;
        stat.st_gid = entry->gid;
        stat.st_nlink = entry->nlink;
        stat.st_rdev = 0;
        stat.st_size = (long)entry->size;
        stat.st_blocks = (long)((entry->size + 511) / 512);
        stat.st_mtime = stat.st_ctime = stat.st_atime = entry->mtime;
    } else if (file->kind == FILE_CHANNEL) {
        stat.st_rdev = 4 << 8 | 65;
    } else if (file->kind != FILE_CONSOLE) {
        stat.st_rdev = 1 << 8 | (file->kind == FILE_NULL ? 3 : file->kind == FILE_ZERO ? 5 : 9);
    }
    return copy_to_user(out, &stat, sizeof(stat));
}

long sys_fstat(int fd, user_addr_t out)
{
    struct file *file = file_get(fd);
    if (!file)
        return -EBADF;
    long error = put_stat(file, out);
    file_put(file);
    return error;
}

long sys_newfstatat(int dirfd, user_addr_t user_path, user_addr_t out, uint32_t flags)
{
    char path[PATH_SIZE];
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    long error = get_path(dirfd, user_path, path);
    if (error)
        return error;
    if (!path[0] && (flags & AT_EMPTY_PATH) && dirfd != AT_FDCWD)
        return sys_fstat(dirfd, out);
    struct file file = {0};
    error = files_lookup(path, !(flags & AT_SYMLINK_NOFOLLOW), &file);
    return error ? error : put_stat(&file, out);
}

long sys_stat(user_addr_t path, user_addr_t out)
{
    return sys_newfstatat(AT_FDCWD, path, out, 0);
}

long sys_lstat(user_addr_t path, user_addr_t out)
{
    return sys_newfstatat(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

long sys_access(user_addr_t user_path, uint32_t mode)
{
    struct file file;
    if (mode > 7)
        return -EINVAL;
    long error = look_up(AT_FDCWD, user_path, true, &file);
    if (error)
        return error;
    bool stored = file.kind == FILE_REGULAR || file.kind == FILE_DIRECTORY;
    if ((mode & 2) && stored)
        return -EROFS;
    return (mode & 1) && !(stored && (file.entry.mode & 0111)) ? -EACCES : 0;
}

long sys_readlinkat(int dirfd, user_addr_t user_path, user_addr_t buffer, int size)
{
    struct file file;
    if (size <= 0)
        return -EINVAL;
    long error = look_up(dirfd, user_path, false, &file);
    if (error)
        return error;
    if (file.kind != FILE_REGULAR || !S_ISLNK(file.entry.mode))
        return -EINVAL;
    size_t length = file.entry.size < (size_t)size ? file.entry.size : (size_t)size;
    return copy_to_user(buffer, file.entry.data, length) ? -EFAULT : (long)length;
}

long sys_readlink(user_addr_t path, user_addr_t buffer, int size)
{
    return sys_readlinkat(AT_FDCWD, path, buffer, size);
}

long sys_getcwd(user_addr_t buffer, size_t size)
{
    if (size < 2)
        return -ERANGE;
    return copy_to_user(buffer, "/", 2) ? -EFAULT : 2;
}
