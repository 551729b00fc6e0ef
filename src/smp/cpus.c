/* Finding the CPUs: what the MADT says there is, and a block for each that can be started. Starting them
 * is bringup.c's. */

#include "smp/cpus.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/panic.h"
#include "dev/console.h"
#include "mm/frames.h"
#include "smp/acpi.h"
#include "smp/madt.h"
#include "smp/tables.h"
#include "task/thread.h"

#define PINS           2 /* LINT0 and LINT1 */
#define PIN_USUAL      1 /* where PCs wire the NMI (MultiProcessor Specification 1.4, 3.6.4) */
#define POLARITY_MASK  3 /* of the flags in a MADT's entry (ACPI 6.5, 5.2.12.5) */
#define ACTIVE_LOW     3
#define NAMED_MOST     16 /* in the log; beyond that they are counted */
#define MEMORY_PORTION 4  /* one part in so many of all memory is not for CPUs' blocks */

struct walk {
    const void *madt; /* or NULL */
    size_t offset;
    struct madt_entry entry;
    struct parse_error error;
    int more; /* as madt_next returned it */
};

static bool next(struct walk *walk)
{
    walk->more = walk->madt ? madt_next(walk->madt, acpi_table_length(walk->madt), &walk->offset,
                                        &walk->entry, &walk->error)
                            : 0;
    return walk->more > 0;
}

/* The firmware's name for the boot CPU. */
static uint32_t boot_cpu_uid(const void *madt)
{
    for (struct walk walk = {.madt = madt}; next(&walk);)
        if (madt_is_startable(&walk.entry) && walk.entry.cpu.apic_id == apic_id())
            return walk.entry.cpu.uid;
    if (madt)
        klog("acpi", "MADT: the boot CPU, APIC id %u, is not listed", apic_id());
    return 0;
}

static bool known(uint32_t apic_id)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_block(i)->apic_id == apic_id)
            return true;
    return false;
}

/* A block for every processor that the MADT says can be started, but the one that runs this. */
static void create_blocks(const void *madt, uint32_t max_cpus, bool nosmp)
{
    struct walk walk = {.madt = madt};
    unsigned unreachable = 0, too_many = 0, no_memory = 0;
    uint32_t first_without = 0;
    while (next(&walk)) {
        uint32_t id = walk.entry.cpu.apic_id;
        if (!madt_is_startable(&walk.entry) || known(id))
            continue;
        if (id > apic_id_max()) {
            if (unreachable++ < NAMED_MOST)
                klog("smp", "APIC id %u needs x2APIC mode: left out", id);
        } else if (cpu_count >= max_cpus) {
            too_many++;
        } else if (frames_free() < frames_total() / MEMORY_PORTION ||
                   cpu_block_create(id, walk.entry.cpu.uid)) {
            if (!no_memory++)
                first_without = id;
        }
    }
    if (walk.more < 0)
        klog("acpi", "MADT: %s at byte %zu: what follows is ignored", walk.error.what,
             walk.error.offset);
    if (unreachable > NAMED_MOST)
        klog("smp", "and %u APIC ids more", unreachable - NAMED_MOST);
    if (no_memory)
        klog("smp", "no memory for %u CPUs, from APIC id %u on: left out", no_memory,
             first_without);
    if (too_many && nosmp)
        klog("smp", "%u CPUs left out: nosmp", too_many);
    else if (too_many)
        klog("smp", "%u CPUs left out: maxcpus=%u", too_many, max_cpus);
}

/* Which pins take NMIs, on which CPUs. A table that says nothing of it leaves the usual. */
static void find_nmi_pins(const void *madt)
{
    bool said = false;
    for (struct walk walk = {.madt = madt}; next(&walk);) {
        if (walk.entry.type != MADT_LOCAL_APIC_NMI && walk.entry.type != MADT_LOCAL_X2APIC_NMI)
            continue;
        uint32_t uid = walk.entry.local_nmi.uid;
        unsigned lint = walk.entry.local_nmi.lint;
        bool low = (walk.entry.local_nmi.flags & POLARITY_MASK) == ACTIVE_LOW;
        if (lint >= PINS)
            klog("acpi", "MADT: an NMI on pin LINT%u at byte %zu, which there is not: ignored",
                 lint, walk.entry.offset);
        for (unsigned i = 0; lint < PINS && i < cpu_count; i++) {
            struct cpu *cpu = cpu_block(i);
            if (uid != MADT_ALL_CPUS && uid != cpu->acpi_uid)
                continue;
            cpu->nmi_pins |= (uint8_t)(1U << lint);
            cpu->nmi_pins_low |= (uint8_t)((unsigned)low << lint);
        }
        said = true;
    }
    for (unsigned i = 0; !said && i < cpu_count; i++)
        cpu_block(i)->nmi_pins = 1 << PIN_USUAL;
}

void smp_find_cpus(uint8_t wanted, uint32_t max_cpus, bool nosmp)
{
    const void *madt = acpi_table("APIC");
    struct madt_info info = {0};
    struct parse_error error;
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
    if (apic_init(wanted, info.max_apic_id))
        panic("no memory to map the local APIC");
    if (cpu_block_create(apic_id(), boot_cpu_uid(madt)))
        panic("no memory for the boot CPU's block");
    if (max_cpus > THREAD_CPUS_MAX)
        max_cpus = THREAD_CPUS_MAX;
    create_blocks(madt, nosmp ? 1 : max_cpus, nosmp);
    find_nmi_pins(madt);
}
