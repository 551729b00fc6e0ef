/* Starting programs. */
#pragma once

#include "task/image.h"
#include "task/process.h"

struct thread;
struct trap_frame;

/* execve(2). 0, also when the rest comes later (sched_go_on), or a negative errno. */
long exec(const char *path, const struct exec_strings *argv, const struct exec_strings *envp);

/* Gives the thread the image's entry, stack and a fresh CPU state; exec_set_frame makes a frame of
 * it. */
void exec_begin(struct thread *thread, const struct image *image);
void exec_set_frame(struct thread *thread, struct trap_frame *frame);

/* The last part of the path. */
void exec_set_name(char name[PROCESS_NAME], const char *path);
