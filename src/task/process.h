/* Processes: an address space, descriptors, threads, and a place in the tree. */
#pragma once

#include "cpu/spinlock.h"
#include "mm/usercopy.h"
#include <linux/time_types.h>
#include <stdatomic.h>
#include <stdbool.h>

#define PROCESS_FILES   64 /* bits of close_on_exec */
#define PROCESS_SIGNALS 64
#define PROCESS_NAME    32

struct file;
struct space;
struct thread;
struct trap_frame;

/* struct sigaction as rt_sigaction(2) takes it from the C library. */
struct signal_action {
    uint64_t handler, flags, restorer, mask;
};

/* The process tree, the lists of threads, and what is marked so below. Rank LOCK_PROCESS. */
extern struct spinlock process_lock;

/* One frame of memory each. */
struct process {
    int pid;
    char name[PROCESS_NAME];
    struct space *space; /* replaced by execve, when there is one thread */
#ifdef FAULT_alloc_fail
    bool alloc_fails; /* its allocations are counted: mm/alloc_fail.h */
#endif

    /* Guarded by process_lock. */
    struct process *parent; /* NULL: init, or orphaned */
    struct process *all_next;
    struct thread *threads;
    unsigned thread_count;
    struct thread *vfork_waiter; /* in the parent, until this process execs or ends */
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

/* Ends the process, unless it is ending already, with a status as wait4(2) tells it: a signal's number,
 * or an exit status shifted left by 8. Takes process_lock. */
void process_exit(struct process *process, int status);
void process_exit_locked(struct process *process, int status); /* with it held */

bool thread_must_end(const struct thread *thread);

/* On the way out, by a thread that must end: afterwards this CPU has no current thread. */
void thread_end(struct thread *thread);

/* clone(2) and clone3(2): what is asked for, checked by the caller. */
struct clone_request {
    uint64_t flags;
    uint64_t stack; /* initial rsp; 0: the parent's */
    uint64_t tls;
    user_addr_t parent_tid, child_tid;
};

/* A new thread, or process; it is delivered on the parent's way out. Its tid, or -ENOMEM. */
long process_clone(const struct clone_request *request);
void process_deliver_newborn(struct thread *parent, const struct trap_frame *frame);

/* For execve: ends all threads of the current process but the calling one. False: some are still
 * there, and the caller is blocked until they are not; then its call is issued again. */
bool process_leave_alone(void);

/* Lets the parent go on that waits in vfork. */
void process_release_vfork(struct process *process);

/* wait4(2) with pid -1 or a child's; the options are checked. Blocks unless WNOHANG. A pid, 0, or a
 * negative errno. */
long process_wait(int pid, uint32_t options, int *status);

/* Runs `use` under process_lock on the thread with that tid (0: any of its process). tgid: its process's
 * pid, or -1 for any. What `use` returns, or -ESRCH. */
long with_thread(int tgid, int tid, long (*use)(struct thread *thread, void *context),
                 void *context);
