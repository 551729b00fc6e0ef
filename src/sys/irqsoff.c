/* The record of the longest stretches with interrupts off, and what stands between the entries and
 * what they call while it is kept. */

#include "sys/irqsoff.h"
#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sys/table.h"
#include "task/sched.h"
#include "task/thread.h"
#include <stdatomic.h>

#define REPORTED 10

/* Calls, those without an entry in the table together; then the rest. */
#define OTHERS (SYSCALL_COUNT + 1)
static _Atomic uint64_t longest[OTHERS + IRQSOFF_OTHERS]; /* TSC ticks */

bool irqsoff_on;

/* A call from assembly and what it becomes: the first byte of its 32-bit distance (frame.inc). */
struct timed_call {
    uint8_t *distance, *target;
};
extern const struct timed_call timed_calls_start[], timed_calls_end[];

/* What the calls become; called from assembly alone. */
struct trap_frame *trap(struct trap_frame *frame);
struct trap_frame *trap_timed(struct trap_frame *frame);
way_out_fn way_out_timed;

void irqsoff_init(bool on)
{
    irqsoff_on = on;
    if (!on)
        return;
    for (const struct timed_call *call = timed_calls_start; call < timed_calls_end; call++) {
        int32_t distance = (int32_t)(call->target - (call->distance + sizeof(distance)));
        memcpy(call->distance, &distance, sizeof(distance));
    }
}

void irqsoff_begin(uint64_t kind)
{
    struct cpu *cpu = this_cpu->self;
    cpu->off_kind = kind;
    cpu->off_since = rdtsc();
}

void irqsoff_is(uint64_t kind)
{
    this_cpu->off_kind = kind;
}

void irqsoff_is_piece_of(const struct thread *thread)
{
    this_cpu->off_kind = thread->off_kind;
}

static size_t slot(uint64_t kind)
{
    if (kind >= IRQSOFF_OTHER)
        return OTHERS + (kind - IRQSOFF_OTHER);
    return kind < SYSCALL_COUNT ? kind : SYSCALL_COUNT;
}

void irqsoff_end(void)
{
    struct cpu *cpu = this_cpu->self;
    if (!cpu->off_since)
        return;
    uint64_t ticks = rdtsc() - cpu->off_since;
    cpu->off_since = 0;
    _Atomic uint64_t *most = &longest[slot(cpu->off_kind)];
    uint64_t seen = *most;
    while (ticks > seen && !atomic_compare_exchange_weak(most, &seen, ticks))
        ;
}

/* An entry in the middle of a stretch (a fault in a copy from user memory) belongs to it. */
struct trap_frame *trap_timed(struct trap_frame *frame)
{
    bool begins = (frame->cs & 3) || !this_cpu->off_since;
    if (begins)
        irqsoff_begin(IRQSOFF_VECTOR(frame->vector));
    frame = trap(frame);
    if (begins && (!(frame->cs & 3) || !this_cpu->work))
        irqsoff_end();
    return frame;
}

void way_out_timed(struct trap_frame *frame)
{
    if (this_cpu->current)
        this_cpu->current->off_kind = this_cpu->off_kind;
    way_out(frame);
    irqsoff_end();
}

way_out_fn *irqsoff_way_out(void)
{
    return irqsoff_on ? way_out_timed : way_out;
}

static void name_kind(size_t kind, char *name, size_t size)
{
    if (kind < SYSCALL_COUNT)
        format(name, size, "%s", syscall_name((uint32_t)kind));
    else if (kind < OTHERS)
        format(name, size, "no such call");
    else if (kind - OTHERS == IRQSOFF_THREAD_END - IRQSOFF_OTHER)
        format(name, size, "end of a thread");
    else if (kind - OTHERS == IRQSOFF_IDLE - IRQSOFF_OTHER)
        format(name, size, "end of idling");
    else
        format(name, size, "vector %zu", kind - OTHERS);
}

void irqsoff_report(void)
{
    if (!irqsoff_on)
        return;
    irqsoff_end();
    klog("irqsoff",
         "the longest stretches with interrupts off, in TSC ticks (instructions under icount)");
    for (unsigned n = 0; n < REPORTED; n++) {
        size_t worst = 0;
        for (size_t kind = 1; kind < sizeof(longest) / sizeof(longest[0]); kind++)
            if (longest[kind] > longest[worst])
                worst = kind;
        if (!longest[worst])
            return;
        char name[40];
        name_kind(worst, name, sizeof(name));
        klog("irqsoff", "%lu %s", longest[worst], name);
        longest[worst] = 0;
    }
}
