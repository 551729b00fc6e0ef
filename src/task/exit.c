/* The end of threads and processes. A thread that must end stays the current one of its CPU while it does so, a
 * piece at a time, and other threads have their turn in between; the last one of a process ends that as well.
 * When the last process has ended, so does the machine. */

#include "boot/end.h"
#include "mm/space.h"
#include "task/exec.h"
#include "task/files.h"
#include "task/futex.h"
#include "task/process.h"
#include "task/robust.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/signal.h>

#define TELL_AT_ONCE     16 /* threads */
#define TELL_ON          4
#define OTHERS_A_PIECE   8 /* ids; of each process that many threads are told as well */
#define CHILDREN_A_PIECE 64

bool init_ended;
static int init_status; /* guarded by process_lock */

/* Those that run or wait are told to end: some at once, and some by each that leaves. So as long as there are
 * any that have not been told, there is also one that has been and has not left. */
static void tell_some(struct process *process, unsigned count)
{
    while (count-- && process->untold != &process->threads) {
        struct thread *thread = list_entry(process->untold, struct thread, sibling);
        process->untold = process->untold->next;
        sched_poke(thread);
    }
}

static void tell_all(struct process *process)
{
    process->untold = process->threads.next;
    tell_some(process, TELL_AT_ONCE);
}

void process_exit_locked(struct process *process, int status)
{
    if (process->exiting)
        return;
    process->wait_status = status;
    process->exiting = true;
    tell_all(process);
}

void process_exit(struct process *process, int status)
{
    spin_lock(&process_lock);
    process_exit_locked(process, status);
    spin_unlock(&process_lock);
}

bool process_leave_alone(void)
{
    struct thread *self = this_cpu->current;
    struct process *process = self->process;
    spin_lock(&process_lock);
    bool alone = process->thread_count == 1;
    if (alone) {
        process->survivor = NULL;
    } else if (!thread_must_end(
                   self)) { /* of two that exec at once, one is told to end by the other */
        if (!process->survivor) {
            process->survivor = self;
            tell_all(process);
        }
        sched_block(WAIT_RESULT, UINT64_MAX);
    }
    spin_unlock(&process_lock);
    return alone;
}

enum stage_result {
    STAGE_DONE,
    STAGE_LONG, /* done, but that was enough for one piece */
    STAGE_MORE,
    STAGE_GONE, /* and so is the thread */
};

/* What the thread's call has begun. */
static enum stage_result end_call(struct thread *thread)
{
    if (thread->abandon && !thread->abandon(thread))
        return STAGE_MORE;
    bool was_long = thread->abandon;
    thread->abandon = NULL;
    robust_list_begin(&thread->call.end.robust, thread);
    return was_long ? STAGE_LONG : STAGE_DONE;
}

static enum stage_result release_robust_list(struct thread *thread)
{
    return robust_list_go_on(&thread->call.end.robust, thread) ? STAGE_DONE : STAGE_MORE;
}

static enum stage_result clear_tid(struct thread *thread)
{
    const uint32_t zero = 0;
    if (thread->clear_child_tid && !copy_to_user(thread->clear_child_tid, &zero, sizeof(zero)))
        futex_wake(thread->clear_child_tid, 1, FUTEX_ALL_BITS);
    return STAGE_DONE;
}

/* Takes the thread off its CPU, its process's list, and the ids; under process_lock. */
static void leave(struct thread *thread)
{
    struct process *process = thread->process;
    /* Once this thread is off the list, another one may be the last and free the address space. */
    this_cpu->current = NULL;
    space_load(NULL);

    if (process->untold == &thread->sibling)
        process->untold = thread->sibling.next;
    list_remove(&thread->sibling);
    process->thread_count--;
    if (process->survivor ==
        thread) /* a signal has ended it in the middle of execve, and all others */
        process->survivor = NULL;
    if (thread->tid == thread->pid)
        process->id.thread = NULL;
    else
        ids_give_back(&thread->id);
    vfork_release(thread);
    vfork_forget(thread);
    thread_free(thread); /* before the last one ends, and the free frames are counted */
}

/* Unless it is the last one: that stays until the process has ended. */
static enum stage_result leave_others(struct thread *thread)
{
    struct process *process = thread->process;
    spin_lock(&process_lock);
    bool last = process->thread_count == 1;
    if (last) {
        process->exiting = true;
        thread->call.end.others_told = 0;
    } else {
        leave(thread);
        tell_some(process, TELL_ON);
        if (process->thread_count == 1 && process->survivor)
            sched_wake(process->survivor);
    }
    spin_unlock(&process_lock);
    return last ? STAGE_DONE : STAGE_GONE;
}

/* With init all other processes end. */
static enum stage_result end_others(struct thread *thread)
{
    struct end_call *end = &thread->call.end;
    if (!process_is_init(thread->process))
        return STAGE_DONE;
    spin_lock(&process_lock);
    init_ended = true;
    init_status = thread->process->wait_status;
    struct task_id *id = ids_above(end->others_told);
    for (unsigned n = 0; id && n < OTHERS_A_PIECE; n++, id = ids_next(id)) {
        end->others_told = id->number;
        if (!id->process->zombie)
            process_exit_locked(id->process, SIGKILL);
    }
    spin_unlock(&process_lock);
    return id ? STAGE_MORE : STAGE_DONE;
}

static enum stage_result close_files(struct thread *thread)
{
    files_close_all(thread->process);
    return STAGE_DONE;
}

static enum stage_result begin_teardown(struct thread *thread)
{
    struct process *process = thread->process;
    struct space *space = process->space;
    space_load(NULL);
    process->space = NULL;
    thread->call.end.space = space_put(space) ? space : NULL;
    return STAGE_DONE;
}

static enum stage_result tear_down(struct thread *thread)
{
    if (!thread->call.end.space)
        return STAGE_DONE;
    return space_teardown(thread->call.end.space) ? STAGE_LONG : STAGE_MORE;
}

/* The children that run become orphans; nobody is left to wait for those that have ended. */
static enum stage_result leave_children(struct thread *thread)
{
    struct process *process = thread->process;
    spin_lock(&process_lock);
    for (unsigned n = 0; n < CHILDREN_A_PIECE && !list_empty(&process->children); n++)
        list_entry(list_take_first(&process->children), struct process, sibling)->parent = NULL;
    for (unsigned n = 0; n < CHILDREN_A_PIECE && !list_empty(&process->zombies); n++)
        process_reap(list_entry(process->zombies.next, struct process, sibling));
    bool done = list_empty(&process->children) && list_empty(&process->zombies);
    spin_unlock(&process_lock);
    return done ? STAGE_DONE : STAGE_MORE;
}

static enum stage_result end_process(struct thread *thread)
{
    struct process *process = thread->process;
    spin_lock(&process_lock);
    leave(thread);
    process->zombie = true;
    struct process *parent = process->parent;
    if (parent)
        process_wake_waiters(process);
    if (parent && !parent->exiting) {
        list_remove(&process->sibling);
        list_append(&parent->zombies, &process->sibling);
    } else {
        process_reap(process);
    }
    bool last = ids_empty();
    spin_unlock(&process_lock);
    if (last)
        machine_end(init_status);
    return STAGE_GONE;
}

void thread_end(struct thread *thread, struct trap_frame *frame)
{
    static enum stage_result (*const stages[])(struct thread *) = {
        end_call,    release_robust_list, clear_tid, leave_others,   end_others,
        close_files, begin_teardown,      tear_down, leave_children, end_process,
    };
    (void)frame;
    for (;;) {
        switch (stages[thread->end_stage](thread)) {
        case STAGE_DONE:
            thread->end_stage++;
            break;
        case STAGE_LONG:
            thread->end_stage++;
            sched_go_on(thread_end);
            return;
        case STAGE_MORE:
            sched_go_on(thread_end);
            return;
        case STAGE_GONE:
            return;
        }
    }
}
