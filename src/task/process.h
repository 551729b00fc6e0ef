/* Processes: an address space, descriptors, threads, and a place in the tree. */
#pragma once

#include "cpu/spinlock.h"
#include "lib/list.h"
#include "mm/usercopy.h"
#include "task/ids.h"
#include <linux/time_types.h>
#include <stdatomic.h>
#include <stdbool.h>

#define PROCESS_FILES   64 /* bits of close_on_exec */
#define PROCESS_SIGNALS 64
#define PROCESS_NAME    32

struct clone_request;
struct file;
struct space;
struct thread;
struct trap_frame;

/* struct sigaction as rt_sigaction(2) takes it from the C library. */
struct signal_action {
    uint64_t handler, flags, restorer, mask;
};

/* The process tree, ids, the lists of threads and of who waits for a child, and what is marked so below. Rank
 * LOCK_PROCESS. */
extern struct spinlock process_lock;

/* One frame of memory each. */
struct process {
    int pid;
    char name[PROCESS_NAME];
    struct space *space; /* replaced by execve, when there is one thread; NULL once it has ended */
#ifdef FAULT_alloc_fail
    bool alloc_fails; /* its allocations are counted: mm/alloc_fail.h */
#endif

    /* Guarded by process_lock. */
    struct task_id id;
    struct process *parent; /* NULL: init, or orphaned */
    struct list sibling;    /* in the parent's children, or zombies */
    struct list children;   /* that have not ended */
    struct list zombies;    /* in the order in which they ended */
    struct list threads;
    unsigned thread_count;
    struct thread *_Atomic survivor; /* by execve: all others end on their next way out */
    struct list *untold; /* this one of the threads, and all behind it, are yet to be told to end */
    struct list waiting; /* threads that wait for any child */
    struct list waited_for; /* the parent's threads that wait for this child */
    struct list waking;     /* threads whose wait is over, yet to be woken */
    bool zombie;
    _Atomic bool exiting; /* every thread ends on its next way out */
    int wait_status;      /* as wait4(2) tells it, once exiting */

    struct spinlock files_lock; /* rank LOCK_FILES; guards the table */
    struct file *files[PROCESS_FILES];
    uint64_t close_on_exec;                        /* bit set of descriptors */
    struct signal_action actions[PROCESS_SIGNALS]; /* recorded; guarded by process_lock */
};

/* The first program. argv is NULL-terminated. 0, or the negative errno of execve. Boot only. */
int process_start_init(const char *path, const char *const argv[]);

/* A process that nobody else knows of, without threads and space; NULL when memory is exhausted. */
struct process *process_create(void);
void process_free(struct process *process);

/* Enters the thread, and the process, as the current one's child, if it is its first, with fresh ids. 0, or
 * -EAGAIN. Takes process_lock. */
int process_enlist(struct process *process, struct thread *thread);

/* process.c's for exit.c and wait.c, with process_lock held: forgets a process that has ended. */
void process_reap(struct process *process);

/* Runs `use` under process_lock on the thread with that tid. What `use` returns, or -ESRCH. */
long with_thread(int tid, long (*use)(struct thread *thread, void *context), void *context);

/* exit.c */

/* Ends the process, unless it is ending already, with a status as wait4(2) tells it: a signal's number,
 * or an exit status shifted left by 8. Takes process_lock. */
void process_exit(struct process *process, int status);
void process_exit_locked(struct process *process, int status); /* with it held */

/* The end of the current thread, a piece at a time. When all is done this CPU has no current thread. */
void thread_end(struct thread *thread, struct trap_frame *frame);

/* For execve: a piece of ending all threads of the current process but the calling one. False: some are still
 * there; the caller is to be called again (sched_go_on), and may be blocked until it is worth it. Once true,
 * the caller says by process_alone that it is no longer asked of others to end. */
bool process_leave_alone(void);

/* Init has begun to end, and whoever is born ends at once. Guarded by process_lock. */
extern bool init_ended;

/* Whether it is the first process. */
bool process_is_init(const struct process *process);

/* clone.c */

/* A new thread, or process; it is delivered on the parent's way out. Its tid, -ENOMEM, or -EAGAIN; 0 when
 * that comes later (sched_go_on). */
long process_clone(const struct clone_request *request);
void process_deliver_newborn(struct thread *parent, const struct trap_frame *frame);

/* Lets the thread go on that waits for this one in vfork; and the one that this one waits for is told that
 * nobody does any more. With process_lock held. */
void vfork_release(struct thread *child);
void vfork_forget(struct thread *waiter);

/* wait.c */

/* wait4(2) with pid -1 or a child's; the options are checked. Blocks unless WNOHANG. A pid, 0, or a
 * negative errno. */
long process_wait(int pid, uint32_t options, int *status);

/* The current thread runs again after it has waited for a child. Takes process_lock. */
void process_wait_over(void);

/* With process_lock held: the child has ended, and who waits for it is woken. */
void process_wake_waiters(struct process *child);
