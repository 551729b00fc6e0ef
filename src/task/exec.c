/* execve: an image is built, the other threads end, and then the process becomes the new program, from where
 * there is no way back. */

#include "task/exec.h"
#include "cpu/fpu.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "mm/space.h"
#include "task/files.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/signal.h>

void exec_begin(struct thread *thread, const struct image *image)
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

void exec_set_name(char name[PROCESS_NAME], const char *path)
{
    const char *last = path;
    for (const char *c = path; *c; c++)
        if (*c == '/' && c[1])
            last = c + 1;
    string_copy(name, last, PROCESS_NAME);
}

/* Gives back the space that is nobody's, a piece at a time. */
static bool drop(struct thread *thread)
{
    struct exec_call *call = &thread->call.exec;
    if (call->unused && !call->put) {
        call->put = true;
        if (!space_put(call->unused))
            call->unused = NULL;
    }
    if (call->unused && !space_teardown(call->unused))
        return false;
    call->unused = NULL;
    return true;
}

/* The only thread begins the new program; the old one's space is left to be dropped. */
static void become(struct thread *thread, struct exec_call *call)
{
    struct process *process = thread->process;
    call->unused = process->space;
    process->space = call->image.space;
    space_load(process->space);
    string_copy(process->name, call->name, sizeof(process->name));
    files_close_on_exec(process);
    spin_lock(&process_lock);
    vfork_release(thread);
    if (thread->tid != thread->pid) { /* whichever thread it was, it is the main one now */
        ids_give_back(&thread->id);
        thread->tid = thread->pid;
    }
    process->id.thread = thread;
    for (unsigned i = 0; i < PROCESS_SIGNALS; i++)
        if (process->actions[i].handler != (uint64_t)SIG_IGN)
            process->actions[i] = (struct signal_action){0};
    spin_unlock(&process_lock);
    exec_begin(thread, &call->image);
    thread_load_state(thread);
    this_cpu->work |= WORK_THREAD; /* the frame becomes the new program's on the way out */
}

/* A piece. False: there is more. */
static bool advance(struct thread *thread, long *result)
{
    struct exec_call *call = &thread->call.exec;
    if (call->stage == EXEC_BUILD) {
        int built = call->error ? call->error : image_go_on(&call->image);
        if (built == IMAGE_MORE)
            return false;
        call->error = built;
        call->stage = built ? EXEC_DROP : EXEC_LEAVE_ALONE;
    }
    if (call->stage == EXEC_LEAVE_ALONE) {
        if (!process_leave_alone())
            return false;
        become(thread, call);
        call->stage = EXEC_DROP;
        return false; /* building and tearing down are pieces of their own */
    }
    if (!drop(thread))
        return false;
    thread->abandon = NULL;
    *result = call->error;
    return true;
}

static void go_on(struct thread *thread, struct trap_frame *frame)
{
    long result;
    if (advance(thread, &result))
        frame->rax = (uint64_t)result;
    else
        sched_go_on(go_on);
}

long exec(const char *path, const struct exec_strings *argv, const struct exec_strings *envp)
{
    struct thread *thread = this_cpu->current;
    struct exec_call *call = &thread->call.exec;
    *call = (struct exec_call){0};
    exec_set_name(call->name, path);
    call->error = image_begin(&call->image, path, argv, envp);
    call->unused = call->image.space;
    thread->abandon = drop;
    long result = 0;
    if (!advance(thread, &result))
        sched_go_on(go_on);
    return result;
}
