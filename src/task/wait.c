/* Waiting for children. Who waits is in a list: of its own process, if any child will do, else of the child. When
 * a child ends both go over to the parent's list of those to be woken, of which each that runs again wakes the
 * next two; so nobody wakes many, and who waits again is not among them. */

#include "cpu/cpu.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <linux/wait.h>

#define WAKE_ON 2 /* those that one wakes: 1 would do, but one after the other */

static void wake_some(struct process *process)
{
    for (unsigned n = 0; n < WAKE_ON && !list_empty(&process->waking); n++)
        sched_wake(list_entry(list_take_first(&process->waking), struct thread, child_wait));
}

void process_wake_waiters(struct process *child)
{
    struct process *parent = child->parent;
    list_move_all(&child->waited_for, &parent->waking);
    list_move_all(&parent->waiting, &parent->waking);
    wake_some(parent);
}

void process_wait_over(void)
{
    struct thread *thread = this_cpu->current;
    spin_lock(&process_lock);
    if (list_linked(&thread->child_wait)) /* it was not woken by a child, but to end */
        list_remove(&thread->child_wait);
    wake_some(thread->process);
    spin_unlock(&process_lock);
}

static struct process *child_by_pid(const struct process *self, int pid)
{
    const struct task_id *id = ids_find(pid);
    bool is_child = id && id->process->pid == pid && id->process->parent == self;
    return is_child ? id->process : NULL;
}

static struct process *first(const struct list *list)
{
    return list_empty(list) ? NULL : list_entry(list->next, struct process, sibling);
}

long process_wait(int pid, uint32_t options, int *status)
{
    struct process *self = this_cpu->current->process;
    long result = 0;
    spin_lock(&process_lock);
    struct process *child = pid == -1 ? first(&self->zombies) : child_by_pid(self, pid);
    if (child && child->zombie) {
        result = child->pid;
        *status = child->wait_status;
        process_reap(child);
    } else if (!child && (pid != -1 || list_empty(&self->children))) {
        result = -ECHILD;
    } else if (!(options & WNOHANG)) {
        list_append(pid == -1 ? &self->waiting : &child->waited_for,
                    &this_cpu->current->child_wait);
        sched_block(WAIT_CHILD, UINT64_MAX);
    }
    spin_unlock(&process_lock);
    return result;
}
