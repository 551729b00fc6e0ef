/* A thread: a saved frame, and what the CPU keeps besides. It has no kernel stack: the kernel runs
 * to completion, and what blocks is a state here, not a frame of C. */
#pragma once

#include "cpu/cpu.h"
#include "cpu/fpu.h"
#include "lib/list.h"
#include "mm/usercopy.h"
#include "task/call.h"
#include "task/ids.h"
#include "task/park.h"
#include <stdatomic.h>

struct process;

enum thread_state {
    THREAD_RUNNABLE, /* running, queued, or on its way from one to the other */
    THREAD_BLOCKING, /* has asked to block; its CPU has not saved it yet */
    THREAD_BLOCKED,  /* saved, in no queue: whoever makes it runnable owns it */
    THREAD_WOKEN,    /* woken while blocking: goes on without a switch */
};

/* What a blocked thread waits for, and so what is to be done when it runs again (sched.c). */
enum wait {
    WAIT_NONE,
    WAIT_RESULT, /* the call's result stands in the frame, or its next piece comes */
    WAIT_FUTEX,  /* result by whether it is still parked */
    WAIT_CHILD,  /* then the call is issued again */
    WAIT_INPUT,  /* then the call is issued again */
};

/* Goes on with a call that has more to do than one stretch with interrupts off may last. It does a piece,
 * of a bounded length, with no lock held before or after; and is called again, perhaps on another CPU and
 * after other threads have run, if it calls sched_go_on. It may also block, or set the frame's rax. */
typedef void resume_fn(struct thread *thread, struct trap_frame *frame);

/* One frame of memory each; the extended CPU state takes its end. */
struct thread {
    /* Constant once the thread runs, apart from what other CPUs write: getpid and gettid read
     * these. */
    struct process *process;
    int pid, tid;

    /* The scheduler's (sched.c tells the protocol). */
    _Alignas(64) _Atomic uint32_t state; /* enum thread_state; changed by compare-and-swap */
    _Atomic bool on_cpu;                 /* its registers are not all saved here */
    struct cpu *_Atomic home;            /* the CPU it runs on, is queued at, or last was */
    struct run_queue *_Atomic queue;     /* it is in; NULL: none. Guarded by that queue's lock */
    struct thread *next, *previous;      /* in the queue; the same */

    /* The thread's own, while it runs; a CPU that switches it, while not. */
    enum wait wait;
    bool ending;        /* exit(2) was called */
    bool dying;         /* its end has begun: it is no longer looked whether it must */
    unsigned end_stage; /* exit.c */
    resume_fn *resume;  /* what goes on with its call, or with its end; NULL: nothing */
    /* Gives back a piece of what its call has made so far, should the thread end now. True: nothing is
     * left. NULL: there is nothing. */
    bool (*abandon)(struct thread *thread);
    union call call;        /* of the call that is in pieces */
    struct thread *newborn; /* by clone in this call; gets its frame on the way out */
    bool newborn_vfork, has_new_tls;
    uint64_t exec_entry, exec_stack; /* by execve in this call: where to begin; 0: nothing */
    user_addr_t clear_child_tid, robust_list;
    uint64_t signal_mask;
    uint64_t off_kind; /* what a piece is counted to: sys/irqsoff.h */

    /* Guarded by sleep_cpu's sleepers lock. */
    struct cpu *sleep_cpu; /* NULL: no timeout is set. Written by the thread's own CPU only */
    bool sleeping;
    uint64_t deadline; /* clock_boot_ns */
    struct tree_node sleep_node;

    struct parked parked; /* guarded by its bucket's lock */
    uint32_t futex_bits;  /* the same */

    /* Guarded by process_lock. */
    struct task_id id;      /* unused where tid is pid: the process has it */
    struct list sibling;    /* in process->threads */
    struct list child_wait; /* in one of the lists of wait.c */
    struct thread *vfork_child,
        *vfork_waiter; /* whom it waits for in vfork, and who waits for it */

    struct trap_frame frame; /* while not on_cpu */
    uint64_t fs_base, gs_base;
    uint16_t ds, es, fs, gs;
    /* Bit set of CPU indices, affinity_words() of them. Written with process_lock held (affinity.c); the
     * scheduler reads single bits without. */
    uint64_t affinity[];
};

/* Room for the affinity between the struct and the extended state, in CPUs. */
#define THREAD_CPUS_MAX                                                                            \
    ((PAGE_SIZE - FPU_STATE_MAX - sizeof(struct thread) - 64) / sizeof(uint64_t) * 64)

/* A thread of the process, without a frame, allowed on every CPU. NULL when memory is exhausted. */
struct thread *thread_create(struct process *process);
void thread_free(struct thread *thread);

/* Where its saved x87, SSE and AVX state lies. */
void *thread_fpu(const struct thread *thread);

/* Between the CPU's registers with the frame on the syscall stack, and the thread. */
void thread_save(struct thread *thread, const struct trap_frame *frame);
void thread_load(struct thread *thread, struct trap_frame *frame);
void thread_load_state(const struct thread *thread); /* all but the frame */

/* The bases that ring 3 sees, of the current thread. */
uint64_t user_fs_base(void);
uint64_t user_gs_base(void);
void set_user_fs_base(uint64_t base);
void set_user_gs_base(uint64_t base);

static inline size_t affinity_words(void)
{
    return (cpu_count + 63) / 64;
}

static inline bool thread_allowed(const struct thread *thread, unsigned cpu)
{
    return __atomic_load_n(&thread->affinity[cpu / 64], __ATOMIC_RELAXED) >> cpu % 64 & 1;
}

/* Whether its end is to begin on its next way out. */
static inline bool thread_must_end(const struct thread *thread)
{
    const struct process *process = thread->process;
    const struct thread *survivor = process->survivor;
    return thread->ending || process->exiting || (survivor && survivor != thread);
}
