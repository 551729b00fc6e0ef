/* Requests between CPUs. The kernel runs with IF = 0, so a CPU that is in ring 0 hears of a request
 * only when it spins (ipi_serve) or leaves; ring 3 and idle CPUs are interrupted. */

#include "smp/ipi.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "mm/space.h"
#include "mm/tlb.h"

#define FLUSH_ALL_PAGES 32 /* beyond so many single flushes, dropping the whole TLB is cheaper */
#define ANSWER_NS       20000000000UL
#define STOP_NS         200000000UL

/* The one shootdown in flight. */
static struct {
    struct spinlock lock; /* rank LOCK_SHOOTDOWN; guards the range */
    uint64_t start, end;
    _Atomic uint32_t awaited; /* CPUs that have yet to flush; counted down by them */
} shootdown = {.lock = SPINLOCK("TLB shootdown", LOCK_SHOOTDOWN)};

static void flush(uint64_t start, uint64_t end)
{
    if (end - start > FLUSH_ALL_PAGES * PAGE_SIZE) {
        tlb_flush_user();
        return;
    }
    for (; start < end; start += PAGE_SIZE)
        tlb_flush_page(start);
}

void tlb_shootdown(struct space *space, uint64_t start, uint64_t end)
{
    if (this_cpu->space == space)
        flush(start, end);
#ifdef FAULT_lost_shootdown
    return;
#endif
    if (cpu_count == 1)
        return;

    spin_lock(&shootdown.lock);
    shootdown.start = start;
    shootdown.end = end;
    /* Full barrier: the changed entries are visible before cpu->space is read (see space_load). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = cpu_block(i);
        if (cpu == this_cpu->self ||
            (__atomic_load_n(&cpu->next_space, __ATOMIC_SEQ_CST) != space &&
             __atomic_load_n(&cpu->space, __ATOMIC_SEQ_CST) != space))
            continue;
        shootdown.awaited++;
        cpu->shootdown_asked = 1;
        apic_send(cpu->apic_id, VECTOR_SHOOTDOWN);
    }
    struct patience patience = patience_of(ANSWER_NS);
    while (shootdown.awaited) {
        cpu_relax();
        if (patience_is_over(&patience))
            panic("TLB shootdown: %u CPUs do not answer", shootdown.awaited);
    }
    spin_unlock(&shootdown.lock);
}

void ipi_serve(void)
{
    struct cpu *cpu = this_cpu->self;
    if (!cpu || !cpu->shootdown_asked)
        return;
    cpu->shootdown_asked = 0;
    if (cpu->current)
        flush(shootdown.start, shootdown.end);
    else
        space_load(NULL); /* between two threads: who asks may be about to free the page tables */
    shootdown.awaited--;
}

void ipi_reschedule(unsigned cpu_index)
{
    apic_send(cpu_block(cpu_index)->apic_id, VECTOR_RESCHEDULE);
}

unsigned ipi_stop_others(void)
{
    unsigned silent = 0;
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = cpu_block(i);
        if (cpu != this_cpu->self && cpu->online)
            apic_send_nmi(cpu->apic_id);
    }
    struct patience patience = patience_of(STOP_NS);
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = cpu_block(i);
        if (cpu == this_cpu->self || !cpu->online)
            continue;
        while (!cpu->stopped && !patience_is_over(&patience))
            cpu_relax();
        silent += !cpu->stopped;
    }
    return silent;
}
