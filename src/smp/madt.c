/* Decodes MADT entries. The layouts stand in one table, so that a length is checked in one place.
 */
#include "smp/madt.h"

#include <asm/errno.h>

#include "smp/acpi.h"

#define MADT_LAPIC_ADDRESS ACPI_HEADER_SIZE
#define MADT_FLAGS         (ACPI_HEADER_SIZE + 4U)
#define MADT_ENTRIES       (ACPI_HEADER_SIZE + 8U)

#define MADT_FLAG_PCAT_COMPAT 1U

#define CPU_ENABLED        (1U << 0)
#define CPU_ONLINE_CAPABLE (1U << 1)

#define XAPIC_BROADCAST  UINT8_MAX
#define X2APIC_BROADCAST UINT32_MAX

/* The least length of each type that is decoded, in bytes; 0: not decoded. */
static const uint8_t least_length[UINT8_MAX + 1] = {
    [MADT_LOCAL_APIC] = 8,    [MADT_IO_APIC] = 12,          [MADT_INTERRUPT_OVERRIDE] = 10,
    [MADT_NMI_SOURCE] = 8,    [MADT_LOCAL_APIC_NMI] = 6,    [MADT_LOCAL_APIC_ADDRESS] = 12,
    [MADT_LOCAL_X2APIC] = 16, [MADT_LOCAL_X2APIC_NMI] = 12,
};

static void set_cpu_flags(struct madt_entry *entry, uint32_t flags)
{
    entry->cpu.enabled = flags & CPU_ENABLED;
    entry->cpu.online_capable = flags & CPU_ONLINE_CAPABLE;
}

/* bytes: the whole entry, its length checked. */
static void decode(const uint8_t *bytes, struct madt_entry *entry)
{
    switch (entry->type) {
    case MADT_LOCAL_APIC:
        entry->cpu.uid = bytes[2];
        entry->cpu.apic_id = bytes[3];
        set_cpu_flags(entry, load32(bytes, 4));
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
        set_cpu_flags(entry, load32(bytes, 8));
        entry->cpu.uid = load32(bytes, 12);
        break;
    case MADT_LOCAL_X2APIC_NMI:
        entry->local_nmi.flags = load16(bytes, 2);
        entry->local_nmi.uid = load32(bytes, 4);
        entry->local_nmi.lint = bytes[8];
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
    decode(bytes, entry);
    *offset = at + entry->length;
    return 1;
}

bool madt_is_startable(const struct madt_entry *entry)
{
    switch (entry->type) {
    case MADT_LOCAL_APIC:
        return entry->cpu.enabled && entry->cpu.apic_id != XAPIC_BROADCAST;
    case MADT_LOCAL_X2APIC:
        return entry->cpu.enabled && entry->cpu.apic_id != X2APIC_BROADCAST;
    default:
        return false;
    }
}

int madt_parse(const void *madt, size_t length, struct madt_info *out, struct parse_error *error)
{
    *out = (struct madt_info){0};
    if (length < MADT_ENTRIES)
        return parse_fail(error, -EINVAL, length, "MADT too short");
    out->local_apic_address = load32(madt, MADT_LAPIC_ADDRESS);
    out->pcat_compat = load32(madt, MADT_FLAGS) & MADT_FLAG_PCAT_COMPAT;

    size_t offset = 0;
    struct madt_entry entry;
    int result;
    while ((result = madt_next(madt, length, &offset, &entry, error)) == 1) {
        bool is_cpu = entry.type == MADT_LOCAL_APIC || entry.type == MADT_LOCAL_X2APIC;
        if (madt_is_startable(&entry)) {
            out->cpus++;
            if (entry.cpu.apic_id > out->max_apic_id)
                out->max_apic_id = entry.cpu.apic_id;
        } else if (is_cpu && !entry.cpu.enabled && entry.cpu.online_capable) {
            out->online_capable++;
        } else if (entry.type == MADT_IO_APIC) {
            out->io_apics++;
        } else if (entry.type == MADT_LOCAL_APIC_ADDRESS) {
            out->local_apic_address = entry.local_apic_address;
        }
    }
    return result;
}
