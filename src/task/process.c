/* Processes and threads as data: making them, finding them by id, and forgetting them. Their birth by clone is
 * clone.c's, their end exit.c's, waiting for them wait.c's. */

#include "task/process.h"
#include "lib/string.h"
#include "mm/alloc_fail.h"
#include "mm/frames.h"
#include "mm/space.h"
#include "task/affinity.h"
#include "task/exec.h"
#include "task/files.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/signal.h>

static_assert(sizeof(struct process) <= PAGE_SIZE, "a process is one frame");

struct spinlock process_lock = SPINLOCK("process", LOCK_PROCESS);

static struct process *_Atomic init; /* until it is forgotten */

struct process *process_create(void)
{
    phys_addr_t frame = frame_alloc_zeroed();
    if (!frame)
        return NULL;
    struct process *process = phys_to_virt(frame);
    alloc_fail_inherit(process, this_cpu->current ? this_cpu->current->process : NULL);
    process->files_lock = (struct spinlock)SPINLOCK("files", LOCK_FILES);
    struct list *const heads[] = {&process->children, &process->zombies,    &process->threads,
                                  &process->waiting,  &process->waited_for, &process->waking};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        list_init(heads[i]);
    process->untold = &process->threads;
    return process;
}

void process_free(struct process *process)
{
    frame_put(virt_to_phys(process));
}

int process_enlist(struct process *process, struct thread *thread)
{
    spin_lock(&process_lock);
    bool first = list_empty(&process->threads);
    struct task_id *id = first ? &process->id : &thread->id;
    int error = ids_take(id);
    if (!error) {
        id->process = process;
        id->thread = thread;
        thread->tid = id->number;
        if (first) {
            process->pid = thread->tid;
            process->parent = this_cpu->current ? this_cpu->current->process : NULL;
            if (process->parent)
                list_append(&process->parent->children, &process->sibling);
            if (init_ended) {
                process->wait_status = SIGKILL;
                process->exiting = true;
            }
        }
        thread->pid = process->pid;
        if (this_cpu->current)
            affinity_copy(thread, this_cpu->current);
        /* In front: whatever is asked of all of them right now, this one finds out by itself. */
        list_prepend(&process->threads, &thread->sibling);
        process->thread_count++;
    }
    spin_unlock(&process_lock);
    return error;
}

void process_reap(struct process *process)
{
    if (process->parent)
        list_remove(&process->sibling);
    ids_give_back(&process->id);
    if (process == init)
        init = NULL;
    process_free(process);
}

bool process_is_init(const struct process *process)
{
    return process == init;
}

int process_start_init(const char *path, const char *const argv[])
{
    static const char *const no_environment[] = {NULL};
    const struct exec_strings arguments = {.kernel = argv},
                              environment = {.kernel = no_environment};
    struct process *process = process_create();
    struct thread *thread = process ? thread_create(process) : NULL;
    if (!thread)
        return -ENOMEM;
    struct image *image = &thread->call.exec.image;
    int error = files_open_standard(process);
    if (!error)
        error = image_begin(image, path, &arguments, &environment);
    while (!error && (error = image_go_on(image)) == IMAGE_MORE)
        error = 0;
    if (!error)
        error = process_enlist(process, thread);
    if (error)
        return error;
    init = process;
    process->space = image->space;
    exec_set_name(process->name, path);
    exec_begin(thread, image);
    exec_set_frame(thread, &thread->frame);
    sched_add(thread);
    return 0;
}

long with_thread(int tid, long (*use)(struct thread *thread, void *context), void *context)
{
    long result = -ESRCH;
    spin_lock(&process_lock);
    const struct task_id *id = ids_find(tid);
    if (id && id->thread)
        result = use(id->thread, context);
    spin_unlock(&process_lock);
    return result;
}
