/* What arrives by the IDT other than int 0x80: exceptions and interrupts, from both rings. */

#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "dev/log_limit.h"
#include "lib/string.h"
#include "mm/space.h"
#include "mm/usercopy.h"
#include "smp/ipi.h"
#include "smp/skew.h"
#include "sys/lab.h"
#include "sys/trap.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <asm/signal.h>

/* For vectors.asm. trap returns the frame to leave by. */
struct trap_frame *trap(struct trap_frame *frame);
void trap_ist(struct trap_frame *frame);

extern const uint8_t entry_text_start[], entry_text_end[]; /* kernel.ld */

/* Page-fault error code (SDM vol. 3, 4.7). */
#define FAULT_WRITE    0x2
#define FAULT_USER     0x4
#define FAULT_RESERVED 0x8
#define FAULT_FETCH    0x10

/* As Linux maps exceptions to signals. */
static const struct {
    const char *name;
    int signal;
} exceptions[VECTOR_EXCEPTIONS] = {
    [0] = {"#DE divide error", SIGFPE},
    [1] = {"#DB debug exception", SIGTRAP},
    [2] = {"NMI", 0},
    [3] = {"#BP breakpoint", SIGTRAP},
    [4] = {"#OF overflow", SIGSEGV},
    [5] = {"#BR bound range exceeded", SIGSEGV},
    [6] = {"#UD invalid opcode", SIGILL},
    [7] = {"#NM no math coprocessor", SIGSEGV},
    [8] = {"#DF double fault", 0},
    [9] = {"coprocessor segment overrun", SIGFPE},
    [10] = {"#TS invalid TSS", SIGSEGV},
    [11] = {"#NP segment not present", SIGBUS},
    [12] = {"#SS stack fault", SIGBUS},
    [13] = {"#GP general protection", SIGSEGV},
    [14] = {"#PF page fault", SIGSEGV},
    [16] = {"#MF x87 floating-point error", SIGFPE},
    [17] = {"#AC alignment check", SIGBUS},
    [18] = {"#MC machine check", 0},
    [19] = {"#XM SIMD floating-point error", SIGFPE},
    [20] = {"#VE virtualization exception", SIGSEGV},
    [21] = {"#CP control protection", SIGSEGV},
    [29] = {"#VC VMM communication", SIGSEGV},
    [30] = {"#SX security exception", SIGSEGV},
};

static const char *exception_name(uint64_t vector)
{
    return exceptions[vector].name ? exceptions[vector].name : "reserved exception";
}

static bool in_entry_text(uint64_t rip)
{
    return rip >= (uint64_t)entry_text_start && rip < (uint64_t)entry_text_end;
}

/* Every iretq of the entry text is one, and nothing else there can fault but by a bug. */
static bool is_return_to_user(uint64_t rip)
{
    const uint8_t *code = (const uint8_t *)rip;
    return in_entry_text(rip) && in_entry_text(rip + 1) && code[0] == 0x48 &&
           code[1] == 0xcf; /* iretq */
}

static bool from_user(const struct trap_frame *frame)
{
    return frame->cs & 3;
}

/* Ends the current process for what its thread did, and says what that was. */
static void end_process(const struct trap_frame *frame, int signal, const char *why,
                        uint64_t address)
{
    const struct thread *thread = this_cpu->current;
    if (log_allows(LOG_FAULT)) {
        klog("trap", "%s (pid %d, thread %d) on CPU %u: %s, address 0x%lx: ended by signal %d",
             thread->process->name, thread->process->pid, thread->tid, this_cpu->index, why,
             address, signal);
        klog_registers("trap", frame);
    }
    process_exit(thread->process, signal);
}

static void page_fault(struct trap_frame *frame)
{
    uint64_t address = read_cr2(); /* before anything else can fault */
    const struct thread *thread = this_cpu->current;
    uint64_t code = frame->orig_rax;
    enum access access = code & FAULT_WRITE   ? ACCESS_WRITE
                         : code & FAULT_FETCH ? ACCESS_EXEC
                                              : ACCESS_READ;
    /* Ring 3's own accesses, and those that ring 0 makes for it, in usercopy.asm alone. An access with
     * supervisor rights while in ring 3 (to a descriptor table, say) is no page's to satisfy. */
    bool ours =
        from_user(frame) ? (code & FAULT_USER) : (!this_cpu->no_fault && usercopy_expects(frame));
    int error = -EFAULT;
    if (thread && ours && address < USER_END && !(code & FAULT_RESERVED))
        error = space_fault(thread->process->space, address, access);
    if (!error)
        return;
    if (from_user(frame))
        end_process(frame,
                    error == -ENOMEM  ? SIGKILL
                    : error == -ENXIO ? SIGBUS
                                      : SIGSEGV,
                    error == -ENOMEM  ? "out of memory"
                    : error == -ENXIO ? "access beyond the end of a file"
                                      : exception_name(frame->vector),
                    address);
    else if (!usercopy_fixup(frame))
        panic_at(frame, "page fault in ring 0 at 0x%lx, error code 0x%lx", address, code);
}

/* An iretq that faulted: ring 3's registers are back in place but for the last five, which lie at
 * the top of the stack where they were refused. Puts the whole frame together again there. */
static struct trap_frame *bad_return(struct trap_frame *fault)
{
    struct trap_frame *frame = user_frame();
    uint64_t vector = fault->vector, error = fault->orig_rax;
    memmove(frame, fault, offsetof(struct trap_frame, orig_rax));
    frame->vector = vector;
    frame->orig_rax = error;
    end_process(frame, SIGSEGV, "a return to ring 3 that iretq refuses", frame->rip);
    frame->cs = USER_CS; /* so that the way out is taken, on which the process ends */
    return frame;
}

static struct trap_frame *exception(struct trap_frame *frame)
{
    if (from_user(frame))
        lab_leave(); /* the thread may end by it; if not, what it measures is spoilt */
    if (frame->vector == VECTOR_PAGE_FAULT) {
        page_fault(frame);
    } else if (from_user(frame)) {
        int signal = exceptions[frame->vector].signal;
        end_process(frame, signal ? signal : SIGSEGV, exception_name(frame->vector), frame->rip);
    } else if (is_return_to_user(frame->rip)) {
        return bad_return(frame);
    } else if (frame->vector != VECTOR_GENERAL_PROTECTION || !usercopy_fixup(frame)) {
        panic_at(frame, "%s in ring 0, error code 0x%lx", exception_name(frame->vector),
                 frame->orig_rax);
    }
    return frame;
}

struct trap_frame *trap(struct trap_frame *frame)
{
    if (frame->vector < VECTOR_EXCEPTIONS)
        return exception(frame);
    if (from_user(frame) && lab_answer(frame))
        return frame;
    this_cpu->interrupt_count++;
    switch (frame->vector) {
    case VECTOR_TIMER:
        apic_end_of_interrupt();
        sched_timer();
        break;
    case VECTOR_RESCHEDULE:
        apic_end_of_interrupt();
        this_cpu->work |= WORK_RESCHEDULE;
        break;
    case VECTOR_SHOOTDOWN:
        apic_end_of_interrupt();
        ipi_serve();
        break;
    case VECTOR_SKEW:
        apic_end_of_interrupt();
        skew_answer();
        break;
    case VECTOR_APIC_ERROR:
        apic_end_of_interrupt();
        klog("apic", "CPU %u: error interrupt, ESR 0x%x", this_cpu->index, apic_take_errors());
        break;
    case VECTOR_SPURIOUS: /* wants no end of interrupt (SDM vol. 3, 11.9) */
        break;
    default:
        /* The masked 8259s may raise their IRQ 7 and 15; nothing else is routed anywhere. */
        if (frame->vector >= VECTOR_PIC + 16U)
            klog("trap", "CPU %u: unexpected interrupt, vector 0x%lx", this_cpu->index,
                 frame->vector);
        break;
    }
    return frame;
}

/* The single step of ring 3's last instruction, taken in ring 0: mov to SS holds it back over the next
 * instruction, and that was a way in (SDM vol. 3, 6.8.3). No C was interrupted, so that nobody is in the
 * middle of changing `work`; and the process is not this stack's to end. */
static void hold_step_over(struct trap_frame *frame)
{
    frame->rflags &= ~RFLAGS_TF;
    write_dr6(DR6_NOTHING);
    this_cpu->work |= WORK_STEP;
    lab_leave();
}

void trap_deliver_step(const struct trap_frame *frame)
{
    if (!thread_must_end(this_cpu->current))
        end_process(frame, SIGTRAP, exception_name(VECTOR_DEBUG), frame->rip);
}

/* On an IST stack, whatever was interrupted: takes no lock and touches no user memory. */
void trap_ist(struct trap_frame *frame)
{
    switch (frame->vector) {
    case VECTOR_NMI:
        panic_stop_if_asked();
        this_cpu->nmi_count++;
        lab_leave();
        break;
    case VECTOR_DEBUG:
        if (!in_entry_text(frame->rip))
            panic_at(frame, "#DB in ring 0");
        hold_step_over(frame);
        break;
    case VECTOR_DOUBLE_FAULT:
        panic_at(frame, "double fault (a kernel stack ran into its guard page?), cr2 0x%lx",
                 read_cr2());
    default:
        panic_at(frame, "machine check");
    }
}
