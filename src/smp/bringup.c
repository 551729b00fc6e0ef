/* Starting the other CPUs, all at once: an INIT to each, one wait, a start-up IPI to each and a second
 * one to those that it did not move. Every CPU finds its own block by its APIC id and initialises itself;
 * memory for all was taken before (cpus.c). */

#include "smp/bringup.h"
#include "boot/multiboot2.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/paging.h"
#include "smp/cpus.h"
#include "smp/trampoline.h"
#include "task/sched.h"

#define INIT_WAIT_US    10000 /* SDM vol. 3, 9.4.4.1 */
#define STARTUP_WAIT_US 200   /* the same, between two start-up IPIs */
#define QUIET_WAIT_US   90000 /* with INIT's wait, 100 ms a try: a silent CPU costs two of them */

extern const uint8_t trampoline_start[], trampoline_end[];
extern const uint8_t trampoline_gdt[], trampoline_long_mode[]; /* 32-bit addresses in it */

/* Read by the trampoline. */
uint32_t ap_block_count;
phys_addr_t kernel_pml4_address;

_Noreturn void ap_main(struct cpu *cpu);

static bool overlaps(uint64_t page, uint64_t base, uint64_t size)
{
    return base < page + TRAMPOLINE_SIZE && page < base + size;
}

uint64_t trampoline_place(const struct boot_info *boot, const struct phys_range *in_use,
                          size_t count)
{
    /* As high as possible: below lie the interrupt vectors and the BIOS data area. */
    for (uint64_t page = TRAMPOLINE_LIMIT - TRAMPOLINE_SIZE; page >= TRAMPOLINE_SIZE;
         page -= TRAMPOLINE_SIZE) {
        bool usable = false, taken = false;
        for (size_t i = 0; i < boot->memory_count; i++) {
            const struct boot_memory *m = &boot->memory[i];
            if (m->type != BOOT_MEMORY_USABLE)
                taken |= overlaps(page, m->base, m->size);
            else
                usable |= m->base <= page && page + TRAMPOLINE_SIZE <= m->base + m->size;
        }
        for (size_t i = 0; i < count; i++)
            taken |= overlaps(page, in_use[i].base, in_use[i].size);
        if (usable && !taken)
            return page;
    }
    return 0;
}

static void relocate(uint8_t *page, const uint8_t *field, uint64_t address)
{
    uint8_t *copy = page + (field - trampoline_start);
    uint32_t value = load32(copy, 0) + (uint32_t)address;
    memcpy(copy, &value, sizeof(value));
}

static void copy_trampoline(uint64_t address)
{
    uint8_t *page = phys_to_virt(address);
    memset(page, 0xcc, TRAMPOLINE_SIZE); /* int3: a jump astray is a triple fault, not a walk */
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    relocate(page, trampoline_gdt, address);
    relocate(page, trampoline_long_mode, address);
}

static unsigned online_count(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < cpu_count; i++)
        n += cpu_block(i)->online;
    return n;
}

/* How far they have come, all together: two steps each. */
static unsigned steps(void)
{
    unsigned n = 0;
    for (unsigned i = 1; i < cpu_count; i++)
        n += (cpu_block(i)->state == CPU_STATE_RUNNING) + cpu_block(i)->online;
    return n;
}

/* Until all are online, or none has come further for so long: while some still come, those that are to
 * come may be waiting for their turn on the same host. */
static void wait_while_they_come(uint64_t quiet_us)
{
    struct patience patience = patience_of(quiet_us * 1000);
    unsigned before = steps();
    while (before < 2 * (cpu_count - 1) && !patience_is_over(&patience)) {
        cpu_relax();
        unsigned now = steps();
        if (now != before)
            patience = patience_of(quiet_us * 1000);
        before = now;
    }
}

static bool change_state(struct cpu *cpu, uint32_t from, uint32_t to)
{
    return atomic_compare_exchange_strong(&cpu->state, &from, to);
}

/* INIT and start-up to all that have not begun to run. Between the two a block cannot be claimed: a CPU
 * that comes late from an earlier try parks itself, and INIT takes it from there. */
static void kick(uint8_t page)
{
    for (unsigned i = 1; i < cpu_count; i++)
        if (change_state(cpu_block(i), CPU_STATE_STARTING, CPU_STATE_GIVEN_UP))
            apic_send_init(cpu_block(i)->apic_id);
    clock_delay_us(INIT_WAIT_US);
    for (unsigned i = 1; i < cpu_count; i++)
        change_state(cpu_block(i), CPU_STATE_GIVEN_UP, CPU_STATE_STARTING);
    for (unsigned round = 0; round < 2; round++) { /* a second one where the first was missed */
        for (unsigned i = 1; i < cpu_count; i++)
            if (cpu_block(i)->state == CPU_STATE_STARTING)
                apic_send_startup(cpu_block(i)->apic_id, page);
        wait_while_they_come(STARTUP_WAIT_US);
    }
}

/* Who was silent so long shall not come later: its place in the trampoline is closed. Who was not even
 * asked is not called silent. */
static void give_up_the_silent(bool asked)
{
    unsigned missing = 0;
    for (unsigned i = 1; i < cpu_count; i++) {
        struct cpu *cpu = cpu_block(i);
        bool silent = change_state(cpu, CPU_STATE_STARTING, CPU_STATE_GIVEN_UP);
        if (!asked || cpu->online || missing++ >= NAMED_MOST)
            continue;
        klog("smp", "CPU %u (APIC id %u, ACPI UID %u) %s", i, cpu->apic_id, cpu->acpi_uid,
             silent ? "does not answer: left out" : "started but is not online in time");
    }
    if (missing > NAMED_MOST)
        klog("smp", "and %u CPUs more", missing - NAMED_MOST);
}

void smp_start(uint64_t trampoline)
{
    uint64_t begin = clock_boot_ns();
    if (cpu_count > 1 && !trampoline)
        klog("smp", "no free page below 1 MiB: the other CPUs cannot be started");
    cpu_block(0)->online = 1;
    if (cpu_count > 1 && trampoline) {
        copy_trampoline(trampoline);
        kernel_pml4_address = kernel_page_tables();
        ap_block_count = cpu_count;
        for (unsigned try = 0; try < 2 && online_count() < cpu_count; try++) {
            kick((uint8_t)(trampoline / TRAMPOLINE_SIZE));
            wait_while_they_come(QUIET_WAIT_US);
        }
    }
    give_up_the_silent(trampoline != 0);
    klog("smp", "%u of %u CPUs online in %lu ms", online_count(), cpu_count,
         (clock_boot_ns() - begin) / 1000000);
}

/* From the trampoline, on this CPU's own stack. */
_Noreturn void ap_main(struct cpu *cpu)
{
    cpu_init(cpu);
    if (apic_enable()) {
        klog("apic", "CPU %u: the firmware left it in x2APIC mode, unlike the boot CPU: halted",
             cpu->index);
        halt_forever();
    }
    sched_enter();
}
