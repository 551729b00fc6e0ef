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

#define PIN_USUAL      1 /* where PCs wire the NMI (MultiProcessor Specification 1.4, page 5-8) */
#define POLARITY_MASK  3 /* of the flags in a MADT's entry (ACPI 6.5, 5.2.12.5) */
#define ACTIVE_LOW     3
#define MEMORY_PORTION 4             /* one part in so many of all memory is not for CPUs' blocks */
#define NO_UID         MADT_ALL_CPUS /* no entry is about such a CPU alone */

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
    uint32_t disabled = NO_UID;
    for (struct walk walk = {.madt = madt}; next(&walk);) {
        if (!madt_is_cpu(&walk.entry) || walk.entry.cpu.apic_id != apic_id())
            continue;
        if (walk.entry.cpu.enabled)
            return walk.entry.cpu.uid;
        disabled = walk.entry.cpu.uid;
    }
    if (disabled != NO_UID)
        klog("acpi", "MADT: the boot CPU, APIC id %u, is listed as disabled", apic_id());
    else if (madt)
        klog("acpi", "MADT: the boot CPU, APIC id %u, is not listed", apic_id());
    return disabled;
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
    unsigned unreachable = 0, unwanted = 0, too_many = 0, no_memory = 0;
    uint32_t first_without = 0;
    while (next(&walk)) {
        uint32_t id = walk.entry.cpu.apic_id;
        if (!madt_is_startable(&walk.entry) || known(id))
            continue;
        if (id > apic_id_max()) {
            if (unreachable++ < NAMED_MOST)
                klog("smp", "APIC id %u needs x2APIC mode: left out", id);
        } else if (cpu_count >= max_cpus) {
            unwanted++;
        } else if (cpu_count >= CPUS_MAX) {
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
    if (unwanted && nosmp)
        klog("smp", "%u CPUs left out: nosmp", unwanted);
    else if (unwanted)
        klog("smp", "%u CPUs left out: maxcpus=%u", unwanted, max_cpus);
    if (too_many)
        klog("smp", "%u CPUs left out: the kernel has room for %u", too_many, CPUS_MAX);
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
        if (lint >= MADT_NMI_PINS) /* madt_parse names it */
            continue;
        for (unsigned i = 0; i < cpu_count; i++) {
            struct cpu *cpu = cpu_block(i);
            if (uid != MADT_ALL_CPUS && uid != cpu->acpi_uid)
                continue;
            cpu->nmi_pins |= (uint8_t)(1U << lint);
            cpu->nmi_pins_low &= (uint8_t) ~(1U << lint); /* of several entries the last counts */
            cpu->nmi_pins_low |= (uint8_t)((unsigned)low << lint);
        }
        said = true;
    }
    for (unsigned i = 0; !said && i < cpu_count; i++)
        cpu_block(i)->nmi_pins = 1 << PIN_USUAL;
}

static void tell_of_madt(const struct madt_info *info)
{
    size_t named = info->faults < MADT_FAULTS_NAMED ? info->faults : MADT_FAULTS_NAMED;
    klog("acpi", "MADT: %zu CPUs enabled, highest APIC id %u, %zu I/O APICs", info->cpus,
         info->max_apic_id, info->io_apics);
    if (info->online_capable)
        klog("acpi", "MADT: CPUs that may be plugged in later, and would not be used: %zu",
             info->online_capable);
    if (info->mailbox)
        klog("acpi", "MADT: a wake-up mailbox at 0x%lx is not used: INIT and start-up IPIs are",
             info->mailbox);
    for (size_t i = 0; i < named; i++)
        klog("acpi", "MADT: %s at byte %zu", info->fault[i].what, info->fault[i].offset);
    if (info->faults > named)
        klog("acpi", "MADT: and %zu faults more", info->faults - named);
    if (info->local_apic_address != apic_address())
        klog("acpi", "MADT: local APIC at 0x%lx, but the CPU says 0x%lx: so be it",
             info->local_apic_address, apic_address());
}

void smp_find_cpus(uint8_t wanted, uint32_t max_cpus, bool nosmp)
{
    const void *madt = acpi_table("APIC");
    struct madt_info info = {0};
    struct parse_error error;
    if (madt)
        (void)madt_parse(madt, acpi_table_length(madt), &info, &error); /* create_blocks tells */
    if (madt)
        tell_of_madt(&info);
    else
        klog("acpi", "no MADT: one CPU");
    if (apic_init(wanted, info.max_apic_id))
        panic("no memory to map the local APIC");
    if (cpu_block_create(apic_id(), boot_cpu_uid(madt)))
        panic("no memory for the boot CPU's block");
    cpu_block(0)->state = CPU_STATE_RUNNING; /* taken: not for another CPU with the same id */
    create_blocks(madt, nosmp ? 1 : max_cpus, nosmp);
    find_nmi_pins(madt);
}
