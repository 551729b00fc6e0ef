/* TLB shootdown. The kernel runs with IF = 0, so a CPU that is in ring 0 hears that it is asked only when it
 * spins (ipi_serve) or leaves; ring 3 and idle CPUs are interrupted.
 *
 * Each CPU has one shootdown of its own in flight, and any number of CPUs have theirs at once: a CPU is asked by
 * a bit for each of them, and who waits for answers gives his own meanwhile. So nobody waits for anybody's
 * turn, and many that ask one CPU cost it one interrupt. */

#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "mm/space.h"
#include "mm/tlb.h"
#include "smp/ipi.h"

#define FLUSH_ALL_PAGES 32 /* beyond so many single flushes, dropping the whole TLB is cheaper */
#define ANSWER_NS       20000000000UL

static void flush(uint64_t start, uint64_t end)
{
    if (end - start > FLUSH_ALL_PAGES * PAGE_SIZE) {
        tlb_flush_user();
        return;
    }
    for (; start < end; start += PAGE_SIZE)
        tlb_flush_page(start);
}

static void ask(struct cpu *self, struct cpu *cpu)
{
    self->shootdown.awaited++;
    atomic_fetch_or(&cpu->shootdown_from[self->index / 64], 1UL << self->index % 64);
    /* Asked already, it has not looked at the bits yet, and an interrupt is on its way. */
    if (!atomic_exchange(&cpu->shootdown_asked, 1))
        apic_send(cpu->apic_id, VECTOR_SHOOTDOWN);
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

    struct cpu *self = this_cpu->self;
    self->shootdown.start = start;
    self->shootdown.end = end;
    /* Full barrier: the changed entries are visible before cpu->space is read (see space_load). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = cpu_block(i);
        if (cpu != self && (__atomic_load_n(&cpu->next_space, __ATOMIC_SEQ_CST) == space ||
                            __atomic_load_n(&cpu->space, __ATOMIC_SEQ_CST) == space))
            ask(self, cpu);
    }
    struct patience patience = patience_of(ANSWER_NS);
    while (self->shootdown.awaited) {
        ipi_serve(); /* those that are asked may be asking this one */
        cpu_relax();
        if (patience_is_over(&patience))
            panic("TLB shootdown: %u CPUs do not answer", self->shootdown.awaited);
    }
}

/* What another CPU asked for. */
static void answer(struct cpu *cpu, struct shootdown *shootdown)
{
    if (cpu->current)
        flush(shootdown->start, shootdown->end);
    else
        space_load(NULL); /* between two threads: who asks may be about to free the page tables */
    shootdown->awaited--;
}

void ipi_serve(void)
{
    struct cpu *cpu = this_cpu->self;
    if (!cpu || !cpu->shootdown_asked)
        return;
    cpu->shootdown_asked = 0; /* first: who asks from now on asks by another interrupt */
    for (unsigned word = 0; word < (cpu_count + 63) / 64; word++) {
        if (!cpu->shootdown_from[word])
            continue;
        uint64_t from = atomic_exchange(&cpu->shootdown_from[word], 0);
        for (; from; from &= from - 1)
            answer(cpu, &cpu_block(word * 64 + (unsigned)__builtin_ctzl(from))->shootdown);
    }
}
