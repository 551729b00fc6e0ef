/* Bringing up the other CPUs, all at once: one INIT to each, one wait, one start-up IPI to each.
 * Every CPU finds its own block by its APIC id and initialises itself; memory for all was taken
 * before. */

#include "smp/bringup.h"
#include "boot/multiboot2.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/panic.h"
#include "dev/console.h"
#include "lib/string.h"
#include "mm/paging.h"
#include "smp/acpi.h"
#include "smp/madt.h"
#include "smp/tables.h"
#include "smp/trampoline.h"
#include "task/sched.h"
#include "task/thread.h"

#define XAPIC_ID_MAX    254   /* 255 is the broadcast */
#define INIT_WAIT_US    10000 /* SDM vol. 3, 9.4.4.1 */
#define STARTUP_WAIT_US 200   /* the same, between two start-up IPIs */
#define ONLINE_WAIT_US  100000

extern const uint8_t trampoline_start[], trampoline_end[];

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

static bool known(uint32_t apic_id)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_block(i)->apic_id == apic_id)
            return true;
    return false;
}

static void create_block(uint32_t id, uint32_t uid)
{
    if (cpu_block_create(id, uid))
        klog("smp", "no memory for the CPU with APIC id %u: left out", id);
}

/* A block for every processor that the MADT says can be started, but the one that runs this. */
static void create_blocks(const void *madt, uint32_t max_cpus)
{
    size_t offset = 0;
    struct madt_entry entry;
    struct parse_error error;
    int more;
    unsigned left_out = 0;
    while ((more = madt_next(madt, acpi_table_length(madt), &offset, &entry, &error)) > 0) {
        if (!madt_is_startable(&entry) || known(entry.cpu.apic_id))
            continue;
        if (entry.cpu.apic_id > XAPIC_ID_MAX)
            klog("smp", "APIC id %u needs x2APIC mode: left out", entry.cpu.apic_id);
        else if (cpu_count >= max_cpus || cpu_count >= THREAD_CPUS_MAX)
            left_out++;
        else
            create_block(entry.cpu.apic_id, entry.cpu.uid);
    }
    if (more < 0)
        klog("acpi", "MADT: %s at byte %zu: what follows is ignored", error.what, error.offset);
    if (left_out)
        klog("smp", "%u CPUs left out: maxcpus=%u", left_out, max_cpus);
}

void smp_find_cpus(uint32_t max_cpus)
{
    const void *madt = acpi_table("APIC");
    struct madt_info info = {0};
    struct parse_error error;
    if (apic_map())
        panic("the local APIC cannot be used: %s",
              apic_is_x2() ? "the firmware left it in x2APIC mode" : "no memory to map it");
    if (madt)
        (void)madt_parse(madt, acpi_table_length(madt), &info, &error); /* create_blocks tells */
    if (madt && info.local_apic_address != apic_address())
        klog("acpi", "MADT: local APIC at 0x%lx, but the CPU says 0x%lx: so be it",
             info.local_apic_address, apic_address());
    if (!madt)
        klog("acpi", "no MADT: one CPU");
    else
        klog("acpi", "MADT: %zu CPUs enabled, highest APIC id %u, %zu I/O APICs", info.cpus,
             info.max_apic_id, info.io_apics);
    if (cpu_block_create(apic_id(), 0))
        panic("no memory for the boot CPU's block");
    if (madt)
        create_blocks(madt, max_cpus);
}

static unsigned online_count(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < cpu_count; i++)
        n += cpu_block(i)->online;
    return n;
}

static void wait_for_online(unsigned count, uint64_t us)
{
    uint64_t start = clock_boot_ns();
    while (online_count() < count && clock_boot_ns() - start < us * 1000)
        __builtin_ia32_pause();
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
        wait_for_online(cpu_count, STARTUP_WAIT_US);
    }
}

void smp_start(uint64_t trampoline)
{
    uint64_t begin = clock_boot_ns();
    if (cpu_count > 1 && !trampoline)
        klog("smp", "no free page below 1 MiB: the other CPUs cannot be started");
    cpu_block(0)->online = 1;
    if (cpu_count > 1 && trampoline) {
        uint8_t *page = phys_to_virt(trampoline);
        memset(page, 0xcc, TRAMPOLINE_SIZE); /* int3: a jump astray is a triple fault, not a walk */
        memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
        kernel_pml4_address = kernel_page_tables();
        ap_block_count = cpu_count;
        for (unsigned try = 0; try < 2 && online_count() < cpu_count; try++) {
            kick((uint8_t)(trampoline / TRAMPOLINE_SIZE));
            wait_for_online(cpu_count, ONLINE_WAIT_US);
        }
    }
    /* Who was silent so long shall not come later: its place in the trampoline is closed. */
    for (unsigned i = 1; i < cpu_count; i++) {
        struct cpu *cpu = cpu_block(i);
        if (change_state(cpu, CPU_STATE_STARTING, CPU_STATE_GIVEN_UP))
            klog("smp", "CPU %u (APIC id %u, ACPI UID %u) does not answer: left out", i,
                 cpu->apic_id, cpu->acpi_uid);
        else if (!cpu->online)
            klog("smp", "CPU %u (APIC id %u, ACPI UID %u) started but is not online in time", i,
                 cpu->apic_id, cpu->acpi_uid);
    }
    klog("smp", "%u of %u CPUs online in %lu ms", online_count(), cpu_count,
         (clock_boot_ns() - begin) / 1000000);
}

/* From the trampoline, on this CPU's own stack. */
_Noreturn void ap_main(struct cpu *cpu)
{
    cpu_init(cpu);
    apic_enable();
    sched_enter();
}
