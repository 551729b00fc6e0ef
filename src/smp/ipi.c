/* Telling other CPUs to look what they have to do, and to stop. (What their TLBs must drop: shootdown.c.) */

#include "smp/ipi.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/regs.h"

#define STOP_NS 200000000UL

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
