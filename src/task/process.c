/* The life of processes and threads: birth by clone, end by exit, signal or fault, and the wait of
 * parents. When the last process has ended, so does the machine. */

#include "task/process.h"
#include "boot/end.h"
#include "lib/string.h"
#include "mm/alloc_fail.h"
#include "mm/frames.h"
#include "mm/space.h"
#include "task/exec.h"
#include "task/files.h"
#include "task/futex.h"
#include "task/robust.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/sched.h>
#include <linux/wait.h>

static_assert(sizeof(struct process) <= PAGE_SIZE, "a process is one frame");

struct spinlock process_lock = SPINLOCK("process", LOCK_PROCESS);

static struct process *processes; /* all, zombies too; guarded by process_lock */
static struct process *init;      /* NULL once it has ended; guarded by process_lock */
static int init_status;
static _Atomic int next_id = 1;

static struct process *process_create(struct process *parent)
{
    phys_addr_t frame = frame_alloc_zeroed();
    if (!frame)
        return NULL;
    struct process *process = phys_to_virt(frame);
    process->parent = parent;
    alloc_fail_inherit(process, parent);
    process->files_lock = (struct spinlock)SPINLOCK("files", LOCK_FILES);
    return process;
}

static void process_free(struct process *process)
{
    frame_put(virt_to_phys(process));
}

/* Enters the thread, and the process if it is its first, with fresh ids. */
static void enlist(struct process *process, struct thread *thread)
{
    spin_lock(&process_lock);
    thread->tid = next_id++;
    if (!process->pid) {
        process->pid = thread->tid;
        process->all_next = processes;
        processes = process;
    }
    /* What was asked of all while this one was on its way is asked of it too. */
    const struct thread *parent = this_cpu->current;
    if (parent && parent->process == process)
        thread->ending = parent->ending;
    if (!init) {
        process->wait_status = SIGKILL;
        process->exiting = true;
    }
    thread->pid = process->pid;
    thread->sibling = process->threads;
    process->threads = thread;
    process->thread_count++;
    spin_unlock(&process_lock);
}

int process_start_init(const char *path, const char *const argv[])
{
    static const char *const no_environment[] = {NULL};
    struct exec_strings arguments = {.kernel = argv}, environment = {.kernel = no_environment};
    init = process_create(NULL);
    struct thread *thread = init ? thread_create(init) : NULL;
    if (!thread)
        return -ENOMEM;
    struct exec_image image;
    int error = files_open_standard(init);
    if (!error)
        error = exec_load(path, &arguments, &environment, &image);
    if (error)
        return error;
    init->space = image.space;
    exec_set_name(init, path);
    exec_begin(thread, &image);
    exec_set_frame(thread, &thread->frame);
    enlist(init, thread);
    sched_add(thread);
    return 0;
}

void process_exit_locked(struct process *process, int status)
{
    if (process->exiting)
        return;
    process->wait_status = status;
    process->exiting = true;
    for (struct thread *thread = process->threads; thread; thread = thread->sibling)
        sched_poke(thread);
}

void process_exit(struct process *process, int status)
{
    spin_lock(&process_lock);
    process_exit_locked(process, status);
    spin_unlock(&process_lock);
}

bool thread_must_end(const struct thread *thread)
{
    return thread->ending || thread->process->exiting;
}

static void wake_threads(struct process *process, enum wait wait)
{
    for (struct thread *thread = process->threads; thread; thread = thread->sibling)
        if (thread->wait == wait)
            sched_wake(thread);
}

/* Takes it out of the list and frees it; under the lock, as thread_end frees its thread. */
static void process_reap(struct process *process)
{
    struct process **link = &processes;
    while (*link && *link != process)
        link = &(*link)->all_next;
    *link = process->all_next;
    process_free(process);
}

/* The process has no thread any more, and no CPU its address space. */
static void process_end(struct process *process)
{
    files_close_all(process);
    if (space_put(process->space))
        while (!space_teardown(process->space))
            ;

    spin_lock(&process_lock);
    for (struct process *child = processes, *next; child; child = next) {
        next = child->all_next;
        if (child->parent != process)
            continue;
        child->parent = NULL;
        if (child->zombie)
            process_reap(child);
    }
    if (process->vfork_waiter)
        sched_wake(process->vfork_waiter);
    if (process == init) {
        init_status = process->wait_status;
        init = NULL;
        for (struct process *other = processes; other; other = other->all_next)
            process_exit_locked(other, SIGKILL);
    }
    process->zombie = true;
    if (process->parent && !process->parent->exiting) {
        wake_threads(process->parent, WAIT_CHILD);
    } else {
        process_reap(process);
    }
    bool last = !processes;
    spin_unlock(&process_lock);
    if (last)
        machine_end(init_status);
}

void thread_end(struct thread *thread)
{
    struct process *process = thread->process;
    robust_list_release(thread);
    if (thread->clear_child_tid) {
        uint32_t zero = 0;
        if (!copy_to_user(thread->clear_child_tid, &zero, sizeof(zero)))
            futex_wake(thread->clear_child_tid, 1, FUTEX_ALL_BITS);
    }

    /* Once this thread is off the list, another one may be the last and free the address space. */
    this_cpu->current = NULL;
    space_load(NULL);

    spin_lock(&process_lock);
    struct thread **link = &process->threads;
    while (*link != thread)
        link = &(*link)->sibling;
    *link = thread->sibling;
    bool last = --process->thread_count == 0;
    if (last)
        process->exiting = true;
    if (process->thread_count == 1)
        wake_threads(process, WAIT_THREADS);
    for (struct process *child = processes; child; child = child->all_next)
        if (child->vfork_waiter == thread)
            child->vfork_waiter = NULL;
    thread_free(thread); /* before the last one ends, and the free frames are counted */
    spin_unlock(&process_lock);

    if (last)
        process_end(process);
}

/* A child that shares nothing but what the flags say. */
static struct process *process_copy(struct process *parent, bool share_space)
{
    struct process *child = process_create(parent);
    if (!child)
        return NULL;
    memcpy(child->name, parent->name, sizeof(child->name));
    spin_lock(&process_lock);
    memcpy(child->actions, parent->actions, sizeof(child->actions));
    spin_unlock(&process_lock);
    if (share_space)
        space_get(parent->space);
    child->space = share_space ? parent->space : space_create();
    uint64_t at = 0;
    int error = !child->space ? -ENOMEM
                : share_space ? 0
                              : space_copy(child->space, parent->space, this_cpu->current, &at);
    if (error) {
        if (child->space && space_put(child->space))
            space_teardown(child->space);
        process_free(child);
        return NULL;
    }
    files_share(child, parent);
    return child;
}

long process_clone(const struct clone_request *request)
{
    struct thread *parent = this_cpu->current;
    struct process *process = parent->process;
    bool share = request->flags & CLONE_VM;
    if (!(request->flags & CLONE_THREAD)) {
        process = process_copy(process, share);
        if (!process)
            return -ENOMEM;
    }
    struct thread *child = thread_create(process);
    if (!child) {
        if (process != parent->process) {
            files_close_all(process);
            if (space_put(process->space))
                space_teardown(process->space);
            process_free(process);
        }
        return -ENOMEM;
    }
    memcpy(child->affinity, parent->affinity, affinity_words() * sizeof(child->affinity[0]));
    child->signal_mask = parent->signal_mask;
    child->frame.rsp = request->stack;
    child->has_new_tls = request->flags & CLONE_SETTLS;
    child->fs_base = request->tls;
    if (request->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = request->child_tid;
    enlist(process, child);
    parent->newborn = child;
    parent->newborn_vfork = request->flags & CLONE_VFORK;
    this_cpu->work |= WORK_THREAD;

    int tid = child->tid;
    /* As on Linux, a bad address here does not undo the clone. */
    if (request->flags & CLONE_PARENT_SETTID)
        (void)copy_to_user(request->parent_tid, &tid, sizeof(tid));
    if (request->flags & CLONE_CHILD_SETTID) {
        if (share)
            (void)copy_to_user(request->child_tid, &tid, sizeof(tid));
        else if (user_range_ok(request->child_tid, sizeof(tid)))
            (void)space_write(process->space, request->child_tid, &tid, sizeof(tid));
    }
    return tid;
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
        child->process->vfork_waiter = parent;
        sched_block(WAIT_RESULT, UINT64_MAX);
        spin_unlock(&process_lock);
    }
    sched_add(child);
}

long process_wait(int pid, uint32_t options, int *status)
{
    struct process *self = this_cpu->current->process, *found = NULL;
    bool any = false;
    spin_lock(&process_lock);
    for (struct process *child = processes; child && !found; child = child->all_next) {
        if (child->parent != self || (pid != -1 && child->pid != pid))
            continue;
        any = true;
        if (child->zombie)
            found = child;
    }
    long result = any ? 0 : -ECHILD;
    if (found) {
        result = found->pid;
        *status = found->wait_status;
        process_reap(found);
    } else if (any && !(options & WNOHANG)) {
        sched_block(WAIT_CHILD, UINT64_MAX);
    }
    spin_unlock(&process_lock);
    return result;
}

long with_thread(int tgid, int tid, long (*use)(struct thread *thread, void *context),
                 void *context)
{
    long result = -ESRCH;
    spin_lock(&process_lock);
    for (struct process *process = processes; process; process = process->all_next) {
        for (struct thread *thread = process->threads; thread && result == -ESRCH;
             thread = thread->sibling)
            if ((tid == 0 || thread->tid == tid) && (tgid == -1 || tgid == process->pid))
                result = use(thread, context);
    }
    spin_unlock(&process_lock);
    return result;
}

/* Ends all threads but the calling one. False: some are still there, and the caller is blocked
 * until they are not; then its call is issued again. */
bool process_leave_alone(void)
{
    struct thread *self = this_cpu->current;
    spin_lock(&process_lock);
    bool alone = self->process->thread_count == 1;
    /* Of two that exec at once, the one that was told to end leaves the other in peace. */
    bool tell = !alone && !thread_must_end(self);
    for (struct thread *thread = self->process->threads; thread; thread = thread->sibling) {
        if (tell && thread != self) {
            thread->ending = true;
            sched_poke(thread);
        }
    }
    if (!alone)
        sched_block(WAIT_THREADS, UINT64_MAX);
    spin_unlock(&process_lock);
    return alone;
}

void process_release_vfork(struct process *process)
{
    spin_lock(&process_lock);
    if (process->vfork_waiter)
        sched_wake(process->vfork_waiter);
    process->vfork_waiter = NULL;
    spin_unlock(&process_lock);
}
