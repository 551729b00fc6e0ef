/* Paths, descriptors and open files. Contents are the initramfs's bytes, which nothing changes, so
 * that files need no lock of their own. */

#include "task/files.h"
#include "cpu/cpu.h"
#include "dev/channel.h"
#include "lib/string.h"
#include "mm/pool.h"
#include "task/process.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#define LINKS_MAX 8 /* symbolic links in a row */

static struct pool file_pool = POOL("file", struct file);
static struct cpio_index initramfs; /* constant once made */
static struct cpio_entry about = {.name = "dev/sallyport", .mode = S_IFREG | 0444, .nlink = 1};
static struct cpio_entry root = {.name = ".", .mode = S_IFDIR | 0755};
static struct cpio_entry dev = {.name = "dev", .mode = S_IFDIR | 0755};

/* Inode numbers of what is not in the archive, whose own have 32 bits. */
enum own_inode {
    INO_ROOT = 1UL << 32,
    INO_DEV,
    INO_ABOUT,
    INO_DEVICES, /* in the order of devices[] */
};

static const struct {
    const char *path;
    enum file_kind kind;
} devices[] = {
    /* First: what descriptors 0 to 2 are at the start. */
    {"dev/console", FILE_CONSOLE}, {"dev/tty", FILE_CONSOLE},   {"dev/null", FILE_NULL},
    {"dev/zero", FILE_ZERO},       {"dev/random", FILE_RANDOM}, {"dev/urandom", FILE_RANDOM},
    {"dev/ttyS1", FILE_CHANNEL},
};

/* Folders of the archive that lie right in the one whose names begin like that. */
static uint32_t count_folders(const char *prefix)
{
    size_t skipped = strlen(prefix);
    uint32_t count = 0;
    for (const struct cpio_entry *entry = cpio_index_from(&initramfs, prefix);
         entry && !strncmp(entry->name, prefix, skipped); entry = cpio_index_next(entry)) {
        const char *name = entry->name + skipped;
        while (*name && *name != '/')
            name++;
        bool inside = name > entry->name + skipped && !*name;
        count += inside && S_ISDIR(entry->mode) && strcmp(entry->name, dev.name) != 0;
    }
    return count;
}

int files_init(const void *archive, size_t length, size_t *entries, struct parse_error *error)
{
    int bad = cpio_index_make(&initramfs, archive, length, error);
    if (bad)
        return bad;
    *entries = initramfs.entries;
    root.nlink = 2 + count_folders("") + 1; /* and /dev, in the archive or not */
    dev.nlink = 2 + count_folders("dev/");
    return 0;
}

void files_set_about(const char *text, size_t length)
{
    about.data = (const uint8_t *)text;
    about.size = length;
}

/* "/a//b/./c/../d" to "a/b/d": without empty parts, "." and "..". 0 or -ENAMETOOLONG. */
static int normalise(const char *path, char out[PATH_SIZE])
{
    size_t used = 0;
    while (*path) {
        size_t part = 0;
        while (path[part] && path[part] != '/')
            part++;
        if (part == 2 && !strncmp(path, "..", 2)) {
            while (used && out[--used] != '/')
                ;
        } else if (part && !(part == 1 && *path == '.')) {
            if (used + 1 + part >= PATH_SIZE)
                return -ENAMETOOLONG;
            if (used)
                out[used++] = '/';
            memcpy(out + used, path, part);
            used += part;
        }
        path += part + (path[part] == '/');
    }
    out[used] = '\0';
    return 0;
}

/* Whether some leading part of the path is a file: then the error is another one. Goes no deeper than the
 * archive does. */
static bool passes_through_file(char *path)
{
    bool file = false, deeper = true;
    for (char *c = path; *c && deeper && !file; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        const struct cpio_entry *entry = cpio_index_from(&initramfs, path);
        size_t part = (size_t)(c - path);
        deeper = entry && !strncmp(entry->name, path, part);
        file = deeper && !entry->name[part] && !S_ISDIR(entry->mode);
        *c = '/';
    }
    return file;
}

int files_lookup(const char *path, bool follow, struct file *out)
{
    char name[PATH_SIZE], target[PATH_SIZE];
    size_t length = strlen(path);
    bool wants_directory = length && path[length - 1] == '/';
    if (!length)
        return -ENOENT;
    for (unsigned links = 0; links <= LINKS_MAX; links++) {
        int error = normalise(path, name);
        if (error)
            return error;
        for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
            if (!strcmp(name, devices[i].path)) {
                out->kind = devices[i].kind;
                out->ino = INO_DEVICES + i;
                return wants_directory ? -ENOTDIR : 0;
            }
        }
        if (!strcmp(name, about.name)) {
            out->kind = FILE_REGULAR;
            out->entry = about;
            out->ino = INO_ABOUT;
            return wants_directory ? -ENOTDIR : 0;
        }
        if (!name[0] || !strcmp(name, dev.name)) {
            out->kind = FILE_DIRECTORY;
            out->entry = name[0] ? dev : root;
            out->ino = name[0] ? INO_DEV : INO_ROOT;
            return 0;
        }
        const struct cpio_entry *found = cpio_index_find(&initramfs, name);
        if (!found)
            return passes_through_file(name) ? -ENOTDIR : -ENOENT;
        out->entry = *found;
        out->ino = found->ino;
        out->kind = S_ISDIR(out->entry.mode) ? FILE_DIRECTORY : FILE_REGULAR;
        if (!S_ISLNK(out->entry.mode) || !follow)
            return wants_directory && out->kind != FILE_DIRECTORY ? -ENOTDIR : 0;

        /* A relative target starts from the link's folder. */
        size_t folder = strlen(name);
        while (folder && name[folder - 1] != '/')
            folder--;
        if (out->entry.data[0] == '/')
            folder = 0;
        if (folder + out->entry.size >= PATH_SIZE)
            return -ENAMETOOLONG;
        memcpy(target, name, folder);
        memcpy(target + folder, out->entry.data, out->entry.size);
        target[folder + out->entry.size] = '\0';
        path = target;
    }
    return -ELOOP;
}

int files_find_program(const char *path, const uint8_t **data, size_t *size)
{
    struct file file;
    int error = files_lookup(path, true, &file);
    if (error)
        return error;
    if (file.kind != FILE_REGULAR || !S_ISREG(file.entry.mode) || !(file.entry.mode & 0111))
        return -EACCES;
    *data = file.entry.data;
    *size = file.entry.size;
    return 0;
}

/* Whoever holds files_lock. */
static void mark_close_on_exec(struct process *process, int descriptor, bool on)
{
    process->close_on_exec &= ~(1UL << descriptor);
    process->close_on_exec |= (uint64_t)on << descriptor;
}

static int install(struct process *process, struct file *file, bool close_on_exec)
{
    int descriptor = 0;
    spin_lock(&process->files_lock);
    while (descriptor < PROCESS_FILES && process->files[descriptor])
        descriptor++;
    if (descriptor < PROCESS_FILES) {
        process->files[descriptor] = file;
        mark_close_on_exec(process, descriptor, close_on_exec);
    }
    spin_unlock(&process->files_lock);
    return descriptor < PROCESS_FILES ? descriptor : -EMFILE;
}

static struct file *file_create(const struct file *model)
{
    struct file *file = pool_alloc(&file_pool);
    if (file) {
        *file = *model;
        file->refs = 1;
    }
    return file;
}

int files_open(const char *path, uint32_t flags)
{
    struct file model = {.flags = flags & (O_ACCMODE | O_APPEND | O_NONBLOCK)};
    int error = files_lookup(path, !(flags & O_NOFOLLOW), &model);
    bool writing = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
    if (error)
        return error == -ENOENT && (flags & O_CREAT) ? -EROFS : error;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (model.kind == FILE_REGULAR && S_ISLNK(model.entry.mode))
        return -ELOOP;
    if (model.kind == FILE_DIRECTORY && (writing || (flags & O_CREAT)))
        return -EISDIR;
    if ((flags & O_DIRECTORY) && model.kind != FILE_DIRECTORY)
        return -ENOTDIR;
    if (model.kind == FILE_REGULAR && writing)
        return -EROFS;
    if (model.kind == FILE_CHANNEL && !channel_present())
        return -ENXIO;
    struct file *file = file_create(&model);
    if (!file)
        return -ENOMEM;
    int descriptor = install(this_cpu->current->process, file, flags & O_CLOEXEC);
    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

bool files_get_close_on_exec(int descriptor)
{
    return this_cpu->current->process->close_on_exec >> descriptor & 1;
}

void files_set_close_on_exec(int descriptor, bool on)
{
    struct process *process = this_cpu->current->process;
    spin_lock(&process->files_lock);
    mark_close_on_exec(process, descriptor, on);
    spin_unlock(&process->files_lock);
}

int files_open_standard(struct process *process)
{
    const struct file model = {.kind = FILE_CONSOLE, .flags = O_RDWR, .ino = INO_DEVICES};
    struct file *file = file_create(&model);
    if (!file)
        return -ENOMEM;
    file->refs = 3;
    for (unsigned i = 0; i < 3; i++)
        install(process, file, false);
    return 0;
}

struct file *file_get(int descriptor)
{
    struct process *process = this_cpu->current->process;
    if (descriptor < 0 || descriptor >= PROCESS_FILES)
        return NULL;
    spin_lock(&process->files_lock);
    struct file *file = process->files[descriptor];
    if (file)
        file->refs++;
    spin_unlock(&process->files_lock);
    return file;
}

void file_put(struct file *file)
{
    if (--file->refs == 0)
        pool_free(&file_pool, file);
}

static struct file *detach(struct process *process, int descriptor)
{
    spin_lock(&process->files_lock);
    struct file *file = process->files[descriptor];
    process->files[descriptor] = NULL;
    spin_unlock(&process->files_lock);
    return file;
}

int files_close(int descriptor)
{
    if (descriptor < 0 || descriptor >= PROCESS_FILES)
        return -EBADF;
    struct file *file = detach(this_cpu->current->process, descriptor);
    if (!file)
        return -EBADF;
    file_put(file);
    return 0;
}

static void close_which(struct process *process, bool all)
{
    for (int i = 0; i < PROCESS_FILES; i++) {
        struct file *file = process->files[i];
        if (file && (all || (process->close_on_exec >> i & 1)))
            file_put(detach(process, i));
    }
}

void files_close_all(struct process *process)
{
    close_which(process, true);
}

void files_close_on_exec(struct process *process)
{
    close_which(process, false);
}

void files_share(struct process *child, struct process *parent)
{
    spin_lock(&parent->files_lock);
    for (int i = 0; i < PROCESS_FILES; i++) {
        child->files[i] = parent->files[i];
        if (child->files[i])
            child->files[i]->refs++;
    }
    child->close_on_exec = parent->close_on_exec;
    spin_unlock(&parent->files_lock);
}
