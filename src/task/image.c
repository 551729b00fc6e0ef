/* Images of programs: mapping a file's segments and laying out the stack (System V ABI, AMD64 supplement,
 * 3.4.1). */

#include "task/image.h"
#include "cpu/features.h"
#include "cpu/regs.h"
#include "dev/log_limit.h"
#include "lib/random.h"
#include "lib/string.h"
#include "mm/space.h"
#include "task/elf.h"
#include "task/files.h"
#include <asm/errno.h>
#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/mman.h>

#define PIE_BASE    0x555555554000UL /* where Linux puts it, less its randomness */
#define STACK_TOP   (USER_END - PAGE_SIZE)
#define STACK_SIZE  (8UL << 20) /* Linux's default RLIMIT_STACK */
#define STACK_GUARD (1UL << 20) /* no access, below the stack, so that no mapping borders on it */
#define STRINGS_MAX 4096U       /* arguments and environment, each */
#define BYTES_MAX   (128UL << 10)

/* What lies where: the strings from below upwards, up to a word of zeros at the stack's top; below them the
 * auxiliary vector, the environment's and the arguments' pointers, and their count. */
#define STRINGS_START (STACK_TOP - BYTES_MAX)
#define STRINGS_END   (STACK_TOP - 8)
#define AUXV_ENTRIES  19

#define COUNTED_A_PIECE 512 /* pointers */
#define COPIED_A_PIECE  96  /* chunks of strings */
#define CHUNK           128 /* bytes */

static int map_segments(struct space *space, const struct elf_image *elf, uint64_t base,
                        const uint8_t *file)
{
    for (size_t i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *s = &elf->segments[i];
        uint64_t lead = s->vaddr & ~PAGE_MASK;
        uint64_t start = base + s->vaddr - lead;
        uint64_t end = (base + s->vaddr + s->memsz + PAGE_SIZE - 1) & PAGE_MASK;
        uint32_t prot = (s->flags & PF_R ? PROT_READ : 0) | (s->flags & PF_W ? PROT_WRITE : 0) |
                        (s->flags & PF_X ? PROT_EXEC : 0);
        /* The file's pages, zeros behind its last byte; then pages of zeros. */
        uint64_t file_end =
            s->filesz ? (start + lead + s->filesz + PAGE_SIZE - 1) & PAGE_MASK : start;
        int error = 0;
        if (s->filesz)
            error = space_map(space, start, file_end - start, prot, file + s->offset - lead,
                              s->filesz + lead);
        if (!error && end > file_end)
            error = space_map(space, file_end, end - file_end, prot, NULL, 0);
        if (error)
            return error;
    }
    space->map_top = STACK_TOP - STACK_SIZE - STACK_GUARD;
    space->brk_start = (base + elf->highest + PAGE_SIZE - 1) & PAGE_MASK;
    space->brk = space->brk_start;
    return 0;
}

static int map_stack(struct space *space, bool executable)
{
    uint64_t bottom = STACK_TOP - STACK_SIZE;
    int error = space_map(space, bottom - STACK_GUARD, STACK_GUARD, PROT_NONE, NULL, 0);
    return error ? error
                 : space_map(space, bottom, STACK_SIZE,
                             PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0), NULL, 0);
}

/* Writes behind the last string, and says where that is. */
static int append(struct image *image, const void *bytes, size_t size, uint64_t *where)
{
    *where = image->at;
    image->at += size;
    return space_write(image->space, *where, bytes, size);
}

int image_begin(struct image *image, const char *path, const struct exec_strings *argv,
                const struct exec_strings *envp)
{
    const uint8_t *file;
    size_t size;
    struct elf_image elf;
    struct parse_error why;
    *image = (struct image){.strings = {*argv, *envp}, .at = STRINGS_START};
    int error = files_find_program(path, &file, &size);
    if (error)
        return error;
    error = elf_parse(file, size, &elf, &why);
    if (error) {
        klog_limited(LOG_EXEC, "exec", "%s: %s (byte %zu)", path, why.what, why.offset);
        return error;
    }
    uint64_t base = elf.relocatable ? PIE_BASE : 0;
    if (base + elf.highest > STACK_TOP - STACK_SIZE - STACK_GUARD) {
        klog_limited(LOG_EXEC, "exec", "%s: no room for it below the stack", path);
        return -ENOEXEC;
    }
    image->entry = base + elf.entry;
    image->phdr = elf.phdr_vaddr ? elf.phdr_vaddr + base : 0;
    image->phnum = elf.phnum;
    image->space = space_create();
    if (!image->space)
        return -ENOMEM;
    error = map_segments(image->space, &elf, base, file);
    if (!error)
        error = map_stack(image->space, elf.exec_stack);

    uint8_t seed[16];
    random_bytes(seed, sizeof(seed));
    if (!error)
        error = append(image, seed, sizeof(seed), &image->random);
    if (!error)
        error = append(image, "x86_64", sizeof("x86_64"), &image->platform);
    if (!error)
        error = append(image, path, strlen(path) + 1, &image->path);
    return error;
}

/* The i-th pointer of the vector, which ends with 0. */
static int get_pointer(const struct exec_strings *strings, uint64_t i, user_addr_t *pointer)
{
    *pointer = 0;
    if (!strings->kernel)
        return strings->user
                   ? copy_from_user(pointer, strings->user + i * sizeof(*pointer), sizeof(*pointer))
                   : 0;
    *pointer = (user_addr_t)strings->kernel[i];
    return 0;
}

static int count(struct image *image, unsigned which)
{
    const struct exec_strings *strings = &image->strings[which];
    for (unsigned n = 0; n < COUNTED_A_PIECE; n++) {
        user_addr_t pointer;
        int error = get_pointer(strings, image->count[which], &pointer);
        if (error)
            return error;
        if (!pointer) {
            image->counted[which] = true;
            return IMAGE_DONE;
        }
        if (image->count[which]++ == STRINGS_MAX)
            return -E2BIG;
    }
    return IMAGE_MORE;
}

static uint64_t words(const struct image *image)
{
    return 1 + image->count[0] + 1 + image->count[1] + 1 + (uint64_t)AUXV_ENTRIES * 2;
}

/* A part of the string, within one page of its own. *end: it ended with it. The bytes, or -EFAULT. */
static int64_t get_chunk(const struct exec_strings *strings, user_addr_t from, char *chunk,
                         bool *end)
{
    size_t size = PAGE_SIZE - from % PAGE_SIZE;
    if (size > CHUNK)
        size = CHUNK;
    if (strings->kernel) {
        size_t rest = strlen((const char *)from) + 1;
        size = size < rest ? size : rest;
        memcpy(chunk, (const char *)from, size);
    } else if (copy_from_user(chunk, from, size)) {
        return -EFAULT;
    }
    for (size_t i = 0; i < size; i++) {
        if (!chunk[i]) {
            *end = true;
            return (int64_t)i + 1;
        }
    }
    *end = false;
    return (int64_t)size;
}

/* Copies the next part of a string, and at its end puts its address into the vector. */
static int copy_chunk(struct image *image)
{
    const struct exec_strings *strings = &image->strings[image->which];
    char chunk[CHUNK];
    bool end;
    if (!image->from) {
        int error = get_pointer(strings, image->index, &image->from);
        if (error)
            return error;
        image->string = image->at;
    }
    int64_t size = get_chunk(strings, image->from, chunk, &end);
    if (size < 0)
        return (int)size;
    if ((uint64_t)size > STRINGS_END - image->at)
        return -E2BIG;
    uint64_t where;
    int error = append(image, chunk, (size_t)size, &where);
    image->from += (uint64_t)size;
    if (error || !end)
        return error;
    uint64_t first = image->which ? image->count[0] + 1 : 0;
    image->from = 0;
    return space_write(image->space, image->stack + 8 * (1 + first + image->index++),
                       &image->string, sizeof(image->string));
}

static int finish(struct image *image)
{
    const uint64_t auxv[AUXV_ENTRIES][2] = {
        {AT_PHDR, image->phdr},
        {AT_PHENT, 56},
        {AT_PHNUM, image->phnum},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_BASE, 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry},
        {AT_UID, 0},
        {AT_EUID, 0},
        {AT_GID, 0},
        {AT_EGID, 0},
        {AT_SECURE, 0},
        {AT_CLKTCK, 100},
        {AT_HWCAP, cpuid(1, 0).edx},
        {AT_HWCAP2, cpu_has(FEATURE_FSGSBASE) ? 1 << 1 : 0}, /* asm/hwcap2.h: HWCAP2_FSGSBASE */
        {AT_RANDOM, image->random},
        {AT_PLATFORM, image->platform},
        {AT_EXECFN, image->path},
        {AT_NULL, 0},
    };
    int error = space_write(image->space, image->stack, &image->count[0], sizeof(uint64_t));
    return error ? error
                 : space_write(image->space, image->stack + 8 * (words(image) - sizeof(auxv) / 8),
                               auxv, sizeof(auxv));
}

int image_go_on(struct image *image)
{
    for (unsigned which = 0; which < 2; which++) {
        int result = image->counted[which] ? IMAGE_DONE : count(image, which);
        if (result != IMAGE_DONE)
            return result;
    }
    image->stack = (STRINGS_START - words(image) * 8) & ~15UL;
    for (unsigned n = 0; image->which < 2;) {
        if (image->index == image->count[image->which]) {
            image->which++;
            image->index = 0;
            continue;
        }
        if (n++ == COPIED_A_PIECE)
            return IMAGE_MORE;
        int error = copy_chunk(image);
        if (error)
            return error;
    }
    return finish(image);
}
