/* Who runs where, and when. Switching happens in way_out alone, with the whole of ring 3's state in
 * the frame on the syscall stack. */

#include "task/sched.h"
#include "cpu/clock.h"
#include "cpu/panic.h"
#include "dev/console.h"
#include "mm/space.h"
#include "smp/ipi.h"
#include "sys/irqsoff.h"
#include "sys/lab.h"
#include "sys/trap.h"
#include "task/exec.h"
#include "task/park.h"
#include "task/process.h"
#include "task/run_queue.h"
#include "task/sleep.h"
#include "task/thread.h"
#include <asm/errno.h>

/* Who changes what, and why nothing is lost:
 *
 * - A thread's state is one word. Its own CPU makes it BLOCKING, and BLOCKED once all of it is saved;
 *   a waker makes BLOCKING into WOKEN, or BLOCKED into RUNNABLE. Steps that two parties can take are
 *   compare-and-swaps, so exactly one goes on with the thread.
 * - A runnable thread that is neither queued nor on a CPU belongs to the CPU that is moving it.
 * - Orders from outside (end, move elsewhere) are written first and then the thread's place is looked
 *   at; its place is written first and then the orders are looked at (sched_add, and way_out after
 *   switch_in). With full barriers between, one of the two sees the other. */

/* Where a thread is best queued: an idle CPU, its home before others; else the shortest queue.
 * Looks at other CPUs' queues without their locks: a guess is enough. A mask that is just being changed may
 * look empty: then its home, which is online. */
static struct cpu *choose(const struct thread *thread)
{
    struct cpu *best = thread->home;
    unsigned best_load = ~0U;
    unsigned home = best->index;
    for (unsigned n = 0; n < cpu_count; n++) {
        struct cpu *cpu = cpu_block((home + n) % cpu_count);
        if (!thread_allowed(thread, cpu->index) || !cpu->online)
            continue;
        unsigned load = __atomic_load_n(&cpu->run_queue.length, __ATOMIC_RELAXED) +
                        !__atomic_load_n(&cpu->run_queue.idle, __ATOMIC_RELAXED);
        if (load < best_load) {
            best = cpu;
            best_load = load;
        }
        if (!load)
            break;
    }
    return best;
}

/* Should the mask change while it is queued, or be in the middle of a change, then it is queued once more,
 * and then stays: the CPU takes it all the same, sees on its way out, before ring 3, that the thread may
 * not be there, and queues it anew. So it is late at worst, and nothing here depends on how often others
 * change the mask. */
void sched_add(struct thread *thread)
{
    struct cpu *cpu;
    bool stays, idle;
    for (unsigned turn = 0;; turn++) {
        cpu = choose(thread);
        spin_lock(&cpu->run_queue.lock);
        thread->home = cpu;
        run_queue_push(&cpu->run_queue, thread);
        atomic_thread_fence(memory_order_seq_cst);
        stays = turn > 0 || thread_allowed(thread, cpu->index);
        if (!stays)
            run_queue_remove(&cpu->run_queue, thread);
        idle = cpu->run_queue.idle;
        spin_unlock(&cpu->run_queue.lock);
        if (stays)
            break;
    }
    if (idle && cpu != this_cpu->self)
        ipi_reschedule(cpu->index);
}

void sched_block(enum wait wait, uint64_t deadline)
{
    struct thread *thread = this_cpu->current;
    thread->wait = wait;
    thread->state = THREAD_BLOCKING;
    this_cpu->work |= WORK_THREAD;
    if (deadline != UINT64_MAX)
        sleep_until(thread, deadline);
}

static bool change_state(struct thread *thread, uint32_t from, uint32_t to)
{
    return atomic_compare_exchange_strong(&thread->state, &from, to);
}

void sched_wake(struct thread *thread)
{
    /* In this order: a thread that is BLOCKING at the first look may be BLOCKED at the second. */
    if (change_state(thread, THREAD_BLOCKING, THREAD_WOKEN))
        return;
    if (change_state(thread, THREAD_BLOCKED, THREAD_RUNNABLE))
        sched_add(thread);
}

void sched_poke(struct thread *thread)
{
    sched_wake(thread);
    atomic_thread_fence(memory_order_seq_cst);
    if (thread == this_cpu->current)
        this_cpu->work |= WORK_THREAD;
    else if (thread->on_cpu)
        ipi_reschedule(thread->home->index);
}

void sched_go_on(resume_fn *resume)
{
    this_cpu->current->resume = resume;
    this_cpu->work |= WORK_THREAD;
}

static void call_again(struct thread *thread, struct trap_frame *frame)
{
    (void)thread;
    frame->rip -= 2; /* both doors' instructions are two bytes long */
    frame->rax = frame->orig_rax;
}

void sched_call_again(void)
{
    sched_go_on(call_again);
}

/* Between two pieces of long work: takes the interrupts that came meanwhile. sti holds them off for one more
 * instruction (SDM vol. 2, STI). The stack below the frame is free but for way_out, and what an interrupt
 * wants of this CPU stands in cpu->work afterwards. */
static void let_interrupts_in(struct cpu *cpu)
{
    if (cpu->locks_held)
        panic("locks 0x%x are held between two pieces of work", cpu->locks_held);
    if (irqsoff_on)
        irqsoff_end();
    __asm__ volatile("sti; nop; cli" : : : "memory");
    if (irqsoff_on)
        irqsoff_begin(cpu->off_kind);
}

/* The next piece of what the current thread has left to do. */
static void do_piece(struct cpu *cpu, struct thread *thread, struct trap_frame *frame)
{
    resume_fn *resume = thread->resume;
    thread->resume = NULL;
    if (irqsoff_on)
        irqsoff_is_piece_of(thread);
    resume(thread, frame);
    let_interrupts_in(cpu);
}

/* A piece of the screen that is still to be drawn; whoever wrote on it does that, mostly. Interrupts are
 * let in behind it. */
static void draw_piece(struct cpu *cpu)
{
    cpu->work &= ~(uint32_t)WORK_SCREEN;
    console_draw_piece();
    let_interrupts_in(cpu);
}

static void ask_to_draw(void)
{
    this_cpu->work |= WORK_SCREEN;
}

void sched_yield(void)
{
    this_cpu->work |= WORK_RESCHEDULE;
}

void sched_timer(void)
{
    struct cpu *cpu = this_cpu->self;
    uint64_t now = clock_boot_ns();
    sleepers_wake(now);
    if (cpu->current && now >= cpu->slice_end) {
        cpu->work |= WORK_RESCHEDULE;
        cpu->slice_end = now + SLICE_NS;
    }
    cpu->timer_deadline = UINT64_MAX;
    timer_program(now);
}

/* A runnable thread for this CPU: its own, or one that waits in another CPU's queue. */
static struct thread *next_thread(struct cpu *cpu)
{
    for (unsigned n = 0; n < cpu_count; n++) {
        struct run_queue *queue = &cpu_block((cpu->index + n) % cpu_count)->run_queue;
        if (n > 0 && !__atomic_load_n(&queue->length, __ATOMIC_RELAXED))
            continue;
        spin_lock(&queue->lock);
        struct thread *thread = n ? run_queue_steal(queue, cpu->index) : run_queue_take(queue);
        if (n == 0)
            queue->idle = !thread;
        spin_unlock(&queue->lock);
        if (thread)
            return thread;
    }
    return NULL;
}

static struct thread *wait_for_thread(struct cpu *cpu)
{
    struct thread *thread;
    while (!(thread = next_thread(cpu))) {
        space_load(NULL);
        if (cpu->work & WORK_SCREEN) {
            draw_piece(cpu);
            continue;
        }
        timer_program(clock_boot_ns());
        if (irqsoff_on)
            irqsoff_end();
        /* sti holds interrupts off for one more instruction, so a wake-up sent since next_thread
         * ends the hlt (SDM vol. 2, STI). */
        __asm__ volatile("sti; hlt; cli" : : : "memory");
        if (irqsoff_on)
            irqsoff_begin(IRQSOFF_IDLE);
    }
    __atomic_store_n(&cpu->run_queue.idle, false, __ATOMIC_RELAXED);
    return thread;
}

/* Takes the current thread off the CPU, unless it was woken while it was still on it. */
static void switch_out(struct cpu *cpu, struct thread *thread, const struct trap_frame *frame)
{
    lab_leave(); /* before another CPU may take the thread */
    thread_save(thread, frame);
    if (thread->state == THREAD_RUNNABLE) {
        cpu->current = NULL;
        thread->on_cpu = false;
        sched_add(thread);
        return;
    }
    thread->on_cpu = false; /* before another CPU may take it */
    if (change_state(thread, THREAD_BLOCKING, THREAD_BLOCKED)) {
        cpu->current = NULL;
    } else {
        thread->on_cpu = true;
        thread->state = THREAD_RUNNABLE;
    }
}

static void switch_in(struct cpu *cpu, struct thread *thread, struct trap_frame *frame)
{
    thread->home = cpu;
    thread->on_cpu = true;
    cpu->current = thread;
    cpu->work &=
        WORK_SCREEN; /* the rest was asked of whoever ran before; way_out looks at this one anew */
    space_load(thread->process->space);
    thread_load(thread, frame);
    uint64_t now = clock_boot_ns();
    cpu->slice_end = now + SLICE_NS;
    timer_program(now);
}

/* What is left to do of a call that blocked, now that its thread runs again. */
static void finish_wait(struct thread *thread, struct trap_frame *frame)
{
    enum wait wait = thread->wait;
    bool expired = thread->sleep_cpu && clock_boot_ns() >= thread->deadline;
    thread->wait = WAIT_NONE;
    sleep_cancel(thread);
    bool parked = park_leave(thread);
    switch (wait) {
    case WAIT_FUTEX:
        /* Still parked and no deadline: woken by mistake, which futex(2) allows. */
        if (parked && expired)
            frame->rax = (uint64_t)-ETIMEDOUT;
        break;
    case WAIT_CHILD:
        process_wait_over();
        /* fall through */
    case WAIT_INPUT:
        call_again(thread, frame);
        break;
    case WAIT_RESULT:
    case WAIT_NONE:
        break;
    }
}

void way_out(struct trap_frame *frame)
{
    struct cpu *cpu = this_cpu->self;
    for (;;) {
        uint32_t work = cpu->work;
        struct thread *thread = cpu->current;
        cpu->work = work & WORK_SCREEN;
        if (thread && (work & WORK_STEP))
            trap_deliver_step(frame);
        if (thread && thread->newborn)
            process_deliver_newborn(thread, frame);
        if (thread && thread->exec_entry) {
            lab_leave();
            exec_set_frame(thread, frame);
        }
        if (thread && thread_must_end(thread) && thread->state == THREAD_BLOCKING)
            sched_wake(thread); /* it was told to end before it blocked */
        if (thread && thread->state == THREAD_RUNNABLE && !thread->dying &&
            thread_must_end(thread)) {
            lab_leave();
            thread->dying = true;
            thread->resume = thread_end; /* in pieces, lest the ends of many be one stretch */
            if (irqsoff_on)
                thread->off_kind = IRQSOFF_THREAD_END;
        }
        if (thread) {
            bool turn = (work & WORK_RESCHEDULE) && cpu->run_queue.length;
            if (thread->state == THREAD_RUNNABLE && !turn && thread_allowed(thread, cpu->index)) {
                if (cpu->work & WORK_SCREEN)
                    draw_piece(cpu);
                else if (thread->resume)
                    do_piece(cpu, thread, frame);
                else
                    return;
                continue;
            }
            switch_out(cpu, thread, frame);
        }
        if (!cpu->current)
            switch_in(cpu, wait_for_thread(cpu), frame);
        finish_wait(cpu->current, frame);
    }
}

_Noreturn void sched_enter(void)
{
    struct cpu *cpu = this_cpu->self;
    if (cpu->index == 0)
        console_draw_later(ask_to_draw); /* from here on somebody comes by to draw */
    /* Who panics says so and then looks who is online, and this the other way round, both by sequentially
     * consistent accesses: a CPU that is not seen there sees the panic here. */
    cpu->online = 1;
    panic_stop_if_asked();
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%rsp, %%rdi\n\t"
                     "call *%1\n\t"
                     "jmp leave_frame"
                     :
                     : "d"(user_frame()), "a"(irqsoff_way_out())
                     : "memory");
    __builtin_unreachable();
}
