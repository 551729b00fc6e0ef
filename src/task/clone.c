/* Birth of threads and processes by clone, and vfork's waiting. A process whose memory is copied takes pieces;
 * nobody knows of it before it is whole. */

#include "lib/string.h"
#include "mm/space.h"
#include "task/files.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include "task/turn.h"
#include <asm/errno.h>
#include <linux/sched.h>

/* Gives back what there is of a child, a piece at a time. */
static bool abandon(struct thread *parent)
{
    struct clone_call *call = &parent->call.clone;
    struct process *child = call->child;
    turn_end(parent->process->space, parent);
    if (child->space && !call->put) {
        call->put = true;
        if (!space_put(child->space))
            child->space = NULL;
    }
    if (child->space && !space_teardown(child->space))
        return false;
    files_close_all(child);
    process_free(child);
    return true;
}

/* A child that shares nothing but what the flags say. Its memory is yet to be copied. */
static struct process *begin_copy(struct process *parent, bool share_space)
{
    struct process *child = process_create();
    if (!child)
        return NULL;
    memcpy(child->name, parent->name, sizeof(child->name));
    spin_lock(&process_lock);
    memcpy(child->actions, parent->actions, sizeof(child->actions));
    spin_unlock(&process_lock);
    if (share_space)
        space_get(parent->space);
    child->space = share_space ? parent->space : space_create();
    files_share(child, parent);
    return child;
}

/* The thread that all was for, and its process too if it is its first. Its tid, or a negative errno. */
static long bear(struct thread *parent, struct process *process)
{
    const struct clone_request *request = &parent->call.clone.request;
    struct thread *child = thread_create(process);
    if (!child)
        return -ENOMEM;
    child->signal_mask = parent->signal_mask;
    child->frame.rsp = request->stack;
    child->has_new_tls = request->flags & CLONE_SETTLS;
    child->fs_base = request->tls;
    if (request->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = request->child_tid;
    int error = process_enlist(process, child);
    if (error) {
        thread_free(child);
        return error;
    }
    parent->newborn = child;
    parent->newborn_vfork = request->flags & CLONE_VFORK;
    this_cpu->work |= WORK_THREAD;

    int tid = child->tid;
    /* As on Linux, a bad address here does not undo the clone. */
    if (request->flags & CLONE_PARENT_SETTID)
        (void)copy_to_user(request->parent_tid, &tid, sizeof(tid));
    if (request->flags & CLONE_CHILD_SETTID) {
        if (request->flags & CLONE_VM)
            (void)copy_to_user(request->child_tid, &tid, sizeof(tid));
        else if (user_range_ok(request->child_tid, sizeof(tid)))
            (void)space_write(process->space, request->child_tid, &tid, sizeof(tid));
    }
    return tid;
}

/* A piece of making a process. False: there is more. */
static bool make_child(struct thread *parent, long *result)
{
    struct clone_call *call = &parent->call.clone;
    struct process *process = parent->process, *child = call->child;
    if (!call->error && !child->space)
        call->error = -ENOMEM;
    if (!call->error && child->space != process->space) {
        int copied = space_copy(child->space, process->space, parent, &call->copied);
        if (copied == SPACE_BUSY)
            turn_wait(process->space);
        if (copied == SPACE_BUSY || copied == SPACE_MORE)
            return false;
        call->error = copied;
    }
    if (!call->error) {
        long tid = bear(parent, child);
        if (tid > 0) {
            parent->abandon = NULL;
            *result = tid;
            return true;
        }
        call->error = (int)tid;
    }
    if (!abandon(parent))
        return false;
    parent->abandon = NULL;
    *result = call->error;
    return true;
}

static void go_on(struct thread *parent, struct trap_frame *frame)
{
    long result;
    if (!make_child(parent, &result)) {
        sched_go_on(go_on);
        return;
    }
    turn_end(parent->process->space, parent);
    frame->rax = (uint64_t)result;
}

long process_clone(const struct clone_request *request)
{
    struct thread *parent = this_cpu->current;
    struct clone_call *call = &parent->call.clone;
    *call = (struct clone_call){.request = *request};
    if (request->flags & CLONE_THREAD)
        return bear(parent, parent->process);
    call->child = begin_copy(parent->process, request->flags & CLONE_VM);
    if (!call->child)
        return -ENOMEM;
    parent->abandon = abandon;
    long result = 0;
    if (!make_child(parent, &result))
        sched_go_on(go_on);
    return result;
}

void process_deliver_newborn(struct thread *parent, const struct trap_frame *frame)
{
    struct thread *child = parent->newborn;
    uint64_t stack = child->frame.rsp, tls = child->fs_base;
    parent->newborn = NULL;
    thread_save(child, frame);
    child->frame.rax = 0;
    if (stack)
        child->frame.rsp = stack;
    if (child->has_new_tls)
        child->fs_base = tls;
    if (parent->newborn_vfork) {
        spin_lock(&process_lock);
        child->vfork_waiter = parent;
        parent->vfork_child = child;
        sched_block(WAIT_RESULT, UINT64_MAX);
        spin_unlock(&process_lock);
    }
    sched_add(child);
}

void vfork_release(struct thread *child)
{
    struct thread *waiter = child->vfork_waiter;
    if (!waiter)
        return;
    child->vfork_waiter = waiter->vfork_child = NULL;
    sched_wake(waiter);
}

void vfork_forget(struct thread *waiter)
{
    if (waiter->vfork_child)
        waiter->vfork_child->vfork_waiter = NULL;
    waiter->vfork_child = NULL;
}
