/* execve: mapping a program's segments and laying out its stack (System V ABI, AMD64 supplement,
 * 3.4.1). */

#include "task/exec.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/regs.h"
#include "dev/log_limit.h"
#include "lib/random.h"
#include "lib/string.h"
#include "mm/space.h"
#include "task/elf.h"
#include "task/files.h"
#include "task/process.h"
#include "task/thread.h"
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

/* The i-th string's address in dst's terms: 0, or -EFAULT. *length is without the terminator. */
static int64_t string_length(const struct exec_strings *strings, unsigned i, user_addr_t *address)
{
    if (strings->kernel) {
        *address = (user_addr_t)strings->kernel[i];
        return (int64_t)strlen(strings->kernel[i]);
    }
    if (copy_from_user(address, strings->user + i * sizeof(*address), sizeof(*address)))
        return -EFAULT;
    return strnlen_user(*address, BYTES_MAX);
}

static int64_t count_strings(const struct exec_strings *strings)
{
    unsigned n = 0;
    for (;; n++) {
        user_addr_t address = 0;
        if (strings->kernel)
            address = (user_addr_t)strings->kernel[n];
        else if (strings->user &&
                 copy_from_user(&address, strings->user + n * sizeof(address), sizeof(address)))
            return -EFAULT;
        if (!address)
            return n;
        if (n == STRINGS_MAX)
            return -E2BIG;
    }
}

/* Grows the stack downwards. */
struct stack {
    struct space *space;
    uint64_t sp;
    int error; /* the first; nothing is written after it */
};

static void push_bytes(struct stack *stack, const void *bytes, size_t size)
{
    stack->sp -= size;
    if (!stack->error)
        stack->error = space_write(stack->space, stack->sp, bytes, size);
}

static void push_word(struct stack *stack, uint64_t word)
{
    push_bytes(stack, &word, sizeof(word));
}

/* Copies one string down, in chunks, and returns its new address. */
static uint64_t push_string(struct stack *stack, const struct exec_strings *strings, unsigned i)
{
    user_addr_t from;
    int64_t length = string_length(strings, i, &from);
    if (length < 0 || STACK_TOP - stack->sp + (uint64_t)length >= BYTES_MAX) {
        if (!stack->error)
            stack->error = length < 0 ? (int)length : -E2BIG;
        return 0;
    }
    push_bytes(stack, "", 1);
    char chunk[256];
    for (uint64_t left = (uint64_t)length; left && !stack->error;) {
        size_t size = left < sizeof(chunk) ? left : sizeof(chunk);
        left -= size;
        if (strings->kernel)
            memcpy(chunk, (const char *)from + left, size);
        else if (copy_from_user(chunk, from + left, size))
            stack->error = -EFAULT;
        push_bytes(stack, chunk, size);
    }
    return stack->sp;
}

/* Pushes the strings; their addresses go to `table` in the new space. */
static void push_strings(struct stack *stack, const struct exec_strings *strings, unsigned count,
                         uint64_t table)
{
    for (unsigned i = 0; i < count && !stack->error; i++) {
        uint64_t address = push_string(stack, strings, i);
        if (!stack->error)
            stack->error =
                space_write(stack->space, table + i * sizeof(address), &address, sizeof(address));
    }
}

static int build_stack(struct exec_image *image, const struct elf_image *elf, uint64_t base,
                       const char *path, const struct exec_strings *argv,
                       const struct exec_strings *envp)
{
    int64_t argc = count_strings(argv), envc = count_strings(envp);
    if (argc < 0 || envc < 0)
        return (int)(argc < 0 ? argc : envc);

    struct space *space = image->space;
    uint32_t prot = PROT_READ | PROT_WRITE | (elf->exec_stack ? PROT_EXEC : 0);
    uint64_t bottom = STACK_TOP - STACK_SIZE;
    int error = space_map(space, bottom - STACK_GUARD, STACK_GUARD, PROT_NONE, NULL, 0);
    if (!error)
        error = space_map(space, bottom, STACK_SIZE, prot, NULL, 0);
    if (error)
        return error;

    uint8_t seed[16];
    random_bytes(seed, sizeof(seed));
    struct stack stack = {.space = space, .sp = STACK_TOP};
    push_word(&stack, 0);
    push_bytes(&stack, path, strlen(path) + 1);
    uint64_t path_address = stack.sp;
    push_bytes(&stack, "x86_64", sizeof("x86_64"));
    uint64_t platform = stack.sp;
    push_bytes(&stack, seed, sizeof(seed));
    uint64_t random = stack.sp;

    const uint64_t auxv[][2] = {
        {AT_PHDR, elf->phdr_vaddr ? elf->phdr_vaddr + base : 0},
        {AT_PHENT, 56},
        {AT_PHNUM, elf->phnum},
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
        {AT_RANDOM, random},
        {AT_PLATFORM, platform},
        {AT_EXECFN, path_address},
        {AT_NULL, 0},
    };

    /* The vectors of pointers lie below the room that the strings may take at most. */
    uint64_t words = 1 + (uint64_t)argc + 1 + (uint64_t)envc + 1 + sizeof(auxv) / 8;
    uint64_t vector = (STACK_TOP - BYTES_MAX - words * 8) & ~15UL;
    push_strings(&stack, argv, (unsigned)argc, vector + 8);
    push_strings(&stack, envp, (unsigned)envc, vector + 8 * (2 + (uint64_t)argc));
    if (!stack.error)
        stack.error = space_write(space, vector, &argc, sizeof(argc));
    if (!stack.error)
        stack.error =
            space_write(space, vector + 8 * (words - sizeof(auxv) / 8), auxv, sizeof(auxv));
    image->stack = vector;
    return stack.error;
}

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

int exec_load(const char *path, const struct exec_strings *argv, const struct exec_strings *envp,
              struct exec_image *image)
{
    const uint8_t *file;
    size_t size;
    int error = files_find_program(path, &file, &size);
    if (error)
        return error;
    struct elf_image elf;
    struct parse_error why;
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
    image->space = space_create();
    if (!image->space)
        return -ENOMEM;
    error = map_segments(image->space, &elf, base, file);
    if (!error)
        error = build_stack(image, &elf, base, path, argv, envp);
    if (error)
        (void)(space_put(image->space) && space_teardown(image->space));
    return error;
}

void exec_begin(struct thread *thread, const struct exec_image *image)
{
    thread->exec_entry = image->entry;
    thread->exec_stack = image->stack;
    thread->fs_base = thread->gs_base = 0;
    thread->ds = thread->es = thread->fs = thread->gs = 0;
    thread->clear_child_tid = thread->robust_list = 0;
    fpu_set_initial(thread_fpu(thread));
}

void exec_set_frame(struct thread *thread, struct trap_frame *frame)
{
    *frame = (struct trap_frame){
        .rip = thread->exec_entry,
        .cs = USER_CS,
        .rflags = RFLAGS_FIXED | RFLAGS_IF,
        .rsp = thread->exec_stack,
        .ss = USER_SS,
    };
    thread->exec_entry = 0;
}

void exec_set_name(struct process *process, const char *path)
{
    const char *name = path;
    for (const char *c = path; *c; c++)
        if (*c == '/' && c[1])
            name = c + 1;
    string_copy(process->name, name, sizeof(process->name));
}
