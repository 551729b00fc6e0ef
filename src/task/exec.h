/* Starting programs: an ELF file and its arguments become an address space and an initial stack. */
#pragma once

#include "mm/usercopy.h"

struct process;
struct space;
struct thread;
struct trap_frame;

/* A vector of strings, in user memory of the loaded space or in the kernel's; NULL-terminated. */
struct exec_strings {
    const char *const *kernel; /* NULL: user */
    user_addr_t user;          /* 0: empty */
};

/* What a program begins with. */
struct exec_image {
    struct space *space;
    uint64_t entry, stack;
};

/* Builds an image of the initramfs file `path`. 0, or a negative errno; -ENOEXEC is explained in
 * the log. */
int exec_load(const char *path, const struct exec_strings *argv, const struct exec_strings *envp,
              struct exec_image *image);

/* Gives the thread the image's entry, stack and a fresh CPU state; exec_set_frame makes a frame of
 * it. */
void exec_begin(struct thread *thread, const struct exec_image *image);
void exec_set_frame(struct thread *thread, struct trap_frame *frame);

/* The last part of the path. */
void exec_set_name(struct process *process, const char *path);
