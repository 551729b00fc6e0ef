/* Decodes MADT entries. The layouts stand in one table, so that a length is checked in one place.
 */
#include "smp/madt.h"

#include <asm/errno.h>

#include "smp/acpi.h"

#define MADT_REVISION      8U
#define MADT_LAPIC_ADDRESS ACPI_HEADER_SIZE
#define MADT_FLAGS         (ACPI_HEADER_SIZE + 4U)
#define MADT_ENTRIES       (ACPI_HEADER_SIZE + 8U)

#define MADT_FLAG_PCAT_COMPAT 1U

#define CPU_ENABLED        (1U << 0)
#define CPU_ONLINE_CAPABLE (1U << 1)

/* Of the table, since ACPI 6.3: before, the bit was reserved, and firmware left rubbish in it. */
#define REVISION_ONLINE_CAPABLE 5

#define XAPIC_BROADCAST  UINT8_MAX
#define X2APIC_BROADCAST UINT32_MAX

/* The least length of each type that is decoded, in bytes; 0: not decoded. */
static const uint8_t least_length[UINT8_MAX + 1] = {
    [MADT_LOCAL_APIC] = 8,    [MADT_IO_APIC] = 12,          [MADT_INTERRUPT_OVERRIDE] = 10,
    [MADT_NMI_SOURCE] = 8,    [MADT_LOCAL_APIC_NMI] = 6,    [MADT_LOCAL_APIC_ADDRESS] = 12,
    [MADT_LOCAL_X2APIC] = 16, [MADT_LOCAL_X2APIC_NMI] = 12, [MADT_WAKEUP] = 16,
};

/* The other bits are reserved, and may be anything. */
static void set_cpu_flags(struct madt_entry *entry, uint32_t flags, uint8_t revision)
{
    entry->cpu.enabled = flags & CPU_ENABLED;
    entry->cpu.online_capable = revision >= REVISION_ONLINE_CAPABLE && flags & CPU_ONLINE_CAPABLE;
}

/* bytes: the whole entry, its length checked; revision: the table's. */
static void decode(const uint8_t *bytes, uint8_t revision, struct madt_entry *entry)
{
    switch (entry->type) {
    case MADT_LOCAL_APIC:
        entry->cpu.uid = bytes[2];
        entry->cpu.apic_id = bytes[3];
        set_cpu_flags(entry, load32(bytes, 4), revision);
        break;
    case MADT_IO_APIC:
        entry->io_apic.id = bytes[2];
        entry->io_apic.address = load32(bytes, 4);
        entry->io_apic.gsi_base = load32(bytes, 8);
        break;
    case MADT_INTERRUPT_OVERRIDE:
        entry->override.bus = bytes[2];
        entry->override.source = bytes[3];
        entry->override.gsi = load32(bytes, 4);
        entry->override.flags = load16(bytes, 8);
        break;
    case MADT_NMI_SOURCE:
        entry->nmi_source.flags = load16(bytes, 2);
        entry->nmi_source.gsi = load32(bytes, 4);
        break;
    case MADT_LOCAL_APIC_NMI:
        entry->local_nmi.uid = bytes[2] == UINT8_MAX ? MADT_ALL_CPUS : bytes[2];
        entry->local_nmi.flags = load16(bytes, 3);
        entry->local_nmi.lint = bytes[5];
        break;
    case MADT_LOCAL_APIC_ADDRESS:
        entry->local_apic_address = load64(bytes, 4);
        break;
    case MADT_LOCAL_X2APIC:
        entry->cpu.apic_id = load32(bytes, 4);
        set_cpu_flags(entry, load32(bytes, 8), revision);
        entry->cpu.uid = load32(bytes, 12);
        break;
    case MADT_LOCAL_X2APIC_NMI:
        entry->local_nmi.flags = load16(bytes, 2);
        entry->local_nmi.uid = load32(bytes, 4);
        entry->local_nmi.lint = bytes[8];
        break;
    case MADT_WAKEUP:
        entry->mailbox = load64(bytes, 8);
        break;
    default:
        break;
    }
}

int madt_next(const void *madt, size_t length, size_t *offset, struct madt_entry *entry,
              struct parse_error *error)
{
    if (length < MADT_ENTRIES)
        return parse_fail(error, -EINVAL, length, "MADT too short");
    size_t at = *offset < MADT_ENTRIES ? MADT_ENTRIES : *offset;
    if (at >= length)
        return 0;
    if (length - at < 2)
        return parse_fail(error, -EINVAL, at, "MADT ends inside an entry's header");
    const uint8_t *bytes = (const uint8_t *)madt + at;
    *entry = (struct madt_entry){.type = bytes[0], .length = bytes[1], .offset = at};
    if (entry->length == 0)
        return parse_fail(error, -EINVAL, at + 1, "MADT entry of length zero");
    if (entry->length < 2 || entry->length < least_length[entry->type])
        return parse_fail(error, -EINVAL, at + 1, "MADT entry too short for its type");
    if (entry->length > length - at)
        return parse_fail(error, -EINVAL, at + 1, "MADT entry past the end of the table");
    decode(bytes, ((const uint8_t *)madt)[MADT_REVISION], entry);
    *offset = at + entry->length;
    return 1;
}

bool madt_is_cpu(const struct madt_entry *entry)
{
    switch (entry->type) {
    case MADT_LOCAL_APIC:
        return entry->cpu.apic_id != XAPIC_BROADCAST;
    case MADT_LOCAL_X2APIC:
        return entry->cpu.apic_id != X2APIC_BROADCAST;
    default:
        return false;
    }
}

bool madt_is_startable(const struct madt_entry *entry)
{
    return madt_is_cpu(entry) && entry->cpu.enabled;
}

/* Which ids were there before; those beyond the set never were. */
struct id_set {
    uint8_t bits[MADT_IDS_COMPARED / 8];
};

static bool test_and_add(struct id_set *set, uint32_t id)
{
    if (id >= MADT_IDS_COMPARED)
        return false;
    bool was = set->bits[id / 8] >> id % 8 & 1;
    set->bits[id / 8] |= (uint8_t)(1U << id % 8);
    return was;
}

static void note_fault(struct madt_info *out, size_t offset, const char *what)
{
    if (out->faults < MADT_FAULTS_NAMED)
        (void)parse_fail(&out->fault[out->faults], 0, offset, what);
    out->faults++;
}

static void count_cpu(const struct madt_entry *entry, struct id_set *ids, struct id_set *uids,
                      struct madt_info *out)
{
    bool wide = entry->type == MADT_LOCAL_X2APIC;
    size_t id_at = entry->offset + (wide ? 4 : 3);
    if (!entry->cpu.enabled) {
        out->online_capable += entry->cpu.online_capable;
    } else if (!madt_is_startable(entry)) {
        note_fault(out, id_at, "a processor with the id that means all of them");
    } else if (test_and_add(ids, entry->cpu.apic_id)) {
        note_fault(out, id_at, "an APIC id that was listed before");
    } else {
        if (test_and_add(uids, entry->cpu.uid))
            note_fault(out, entry->offset + (wide ? 12 : 2), "an ACPI UID that was listed before");
        out->cpus++;
        if (entry->cpu.apic_id > out->max_apic_id)
            out->max_apic_id = entry->cpu.apic_id;
    }
}

int madt_parse(const void *madt, size_t length, struct madt_info *out, struct parse_error *error)
{
    *out = (struct madt_info){0};
    if (length < MADT_ENTRIES)
        return parse_fail(error, -EINVAL, length, "MADT too short");
    out->local_apic_address = load32(madt, MADT_LAPIC_ADDRESS);
    out->pcat_compat = load32(madt, MADT_FLAGS) & MADT_FLAG_PCAT_COMPAT;

    struct id_set ids = {0}, uids = {0};
    size_t offset = 0, addresses = 0;
    struct madt_entry entry;
    int result;
    while ((result = madt_next(madt, length, &offset, &entry, error)) == 1) {
        switch (entry.type) {
        case MADT_LOCAL_APIC:
        case MADT_LOCAL_X2APIC:
            count_cpu(&entry, &ids, &uids, out);
            break;
        case MADT_IO_APIC:
            out->io_apics++;
            break;
        case MADT_LOCAL_APIC_NMI:
        case MADT_LOCAL_X2APIC_NMI:
            if (entry.local_nmi.lint >= MADT_NMI_PINS)
                note_fault(out, entry.offset + (entry.type == MADT_LOCAL_APIC_NMI ? 5 : 8),
                           "an NMI on a pin that no local APIC has");
            break;
        case MADT_LOCAL_APIC_ADDRESS:
            if (addresses++)
                note_fault(out, entry.offset, "one more address of the local APICs");
            else
                out->local_apic_address = entry.local_apic_address;
            break;
        case MADT_WAKEUP:
            out->mailbox = entry.mailbox;
            break;
        default:
            break;
        }
    }
    return result;
}
