/* Threads as data: making them, and moving their state between the CPU and memory. */

#include "task/thread.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "task/process.h"
#include "task/sched.h"

static_assert(THREAD_CPUS_MAX >= CPUS_MAX, "a thread's affinity fits its frame");

void *thread_fpu(const struct thread *thread)
{
    return (char *)thread + ((PAGE_SIZE - fpu_state_size()) & ~63UL);
}

struct thread *thread_create(struct process *process)
{
    phys_addr_t frame = frame_alloc();
    if (!frame)
        return NULL;
    struct thread *thread = phys_to_virt(frame);
    memset(thread, 0, sizeof(*thread) + affinity_words() * sizeof(thread->affinity[0]));
    thread->process = process;
    fpu_set_initial(thread_fpu(thread)); /* xsave may leave out what is in its initial state */
    thread->home = this_cpu->self;
    for (unsigned i = 0; i < cpu_count; i++)
        thread->affinity[i / 64] |= 1UL << i % 64;
    return thread;
}

void thread_free(struct thread *thread)
{
    frame_put(virt_to_phys(thread));
}

/* In ring 0, ring 3's GS base rests in KERNEL_GS_BASE. Always read from the CPU: with FSGSBASE ring
 * 3 writes both without asking, and loading a selector changes them too. */
uint64_t user_gs_base(void)
{
    return rdmsr(MSR_KERNEL_GS_BASE);
}

void set_user_gs_base(uint64_t base)
{
    wrmsr(MSR_KERNEL_GS_BASE, base);
}

uint64_t user_fs_base(void)
{
    return rdmsr(MSR_FS_BASE);
}

void set_user_fs_base(uint64_t base)
{
    wrmsr(MSR_FS_BASE, base);
}

#define READ_SELECTOR(name)                                                                        \
    ({                                                                                             \
        uint16_t selector_;                                                                        \
        __asm__ volatile("movw %%" #name ", %0" : "=rm"(selector_));                               \
        selector_;                                                                                 \
    })
#define LOAD_SELECTOR(name, value)                                                                 \
    __asm__ volatile("movl %0, %%" #name : : "r"((uint32_t)(value)) : "memory")

void thread_save(struct thread *thread, const struct trap_frame *frame)
{
    thread->frame = *frame;
    thread->fs_base = user_fs_base();
    thread->gs_base = user_gs_base();
    thread->ds = READ_SELECTOR(ds);
    thread->es = READ_SELECTOR(es);
    thread->fs = READ_SELECTOR(fs);
    thread->gs = READ_SELECTOR(gs);
#ifndef FAULT_unsaved_xstate
    fpu_save(thread_fpu(thread));
#endif
}

void thread_load(struct thread *thread, struct trap_frame *frame)
{
    *frame = thread->frame;
    thread_load_state(thread);
}

void thread_load_state(const struct thread *thread)
{
    /* Ring 3 can have loaded null and its own segments' selectors only: no load here faults. Loading FS or
     * GS changes the base, so selectors go first; GS is loaded with ring 3's base in place, lest
     * ring 0 lose its own. */
    if (thread->ds != READ_SELECTOR(ds))
        LOAD_SELECTOR(ds, thread->ds);
    if (thread->es != READ_SELECTOR(es))
        LOAD_SELECTOR(es, thread->es);
    if (thread->fs != READ_SELECTOR(fs))
        LOAD_SELECTOR(fs, thread->fs);
    if (thread->gs != READ_SELECTOR(gs))
        __asm__ volatile("swapgs; movl %0, %%gs; swapgs" : : "r"((uint32_t)thread->gs) : "memory");
    set_user_fs_base(thread->fs_base);
#ifndef FAULT_unrestored_gs_base
    set_user_gs_base(thread->gs_base);
#endif
    fpu_restore(thread_fpu(thread));
}
