/* The MADT (ACPI 6.5, section 5.2.12): which processors and interrupt controllers there are. An
 * iterator, so that there is no fixed maximum number of either. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/parse.h"

enum madt_type {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_INTERRUPT_OVERRIDE = 2,
    MADT_NMI_SOURCE = 3,
    MADT_LOCAL_APIC_NMI = 4,
    MADT_LOCAL_APIC_ADDRESS = 5,
    MADT_LOCAL_X2APIC = 9,
    MADT_LOCAL_X2APIC_NMI = 10,
    MADT_WAKEUP = 16,
};

#define MADT_ALL_CPUS UINT32_MAX /* the uid of an NMI entry that is about every processor */
#define MADT_NMI_PINS 2          /* that a local APIC has: LINT0 and LINT1 */

struct madt_entry {
    uint8_t type;   /* enum madt_type, or one that is not decoded */
    uint8_t length; /* bytes, its two header bytes included */
    size_t offset;  /* in the table */
    union {
        struct {
            uint32_t apic_id;
            uint32_t uid; /* the firmware's name for the processor; not the APIC id */
            bool enabled;
            bool online_capable; /* absent now, may be plugged in later; from table revision 5 on */
        } cpu;                   /* MADT_LOCAL_APIC, MADT_LOCAL_X2APIC */
        struct {
            uint32_t id;
            uint32_t address;  /* physical */
            uint32_t gsi_base; /* the first global system interrupt it serves */
        } io_apic;
        struct {
            uint8_t bus;    /* 0: ISA */
            uint8_t source; /* IRQ on that bus */
            uint32_t gsi;
            uint16_t flags; /* MPS INTI: polarity in bits 1:0, trigger mode in bits 3:2 */
        } override;
        struct {
            uint32_t gsi;
            uint16_t flags;
        } nmi_source;
        struct {
            uint32_t uid; /* or MADT_ALL_CPUS */
            uint16_t flags;
            uint8_t lint; /* which local interrupt pin, from 0 on; may be MADT_NMI_PINS or more */
        } local_nmi;      /* MADT_LOCAL_APIC_NMI, MADT_LOCAL_X2APIC_NMI */
        uint64_t local_apic_address; /* physical */
        uint64_t mailbox;            /* physical; MADT_WAKEUP */
    };
};

/* Start with *offset = 0. 1 and an entry, with *offset moved on; 0 at the end; -EINVAL for a table
 * shorter than its header, or an entry whose length is zero, too short for its type, or past the
 * end of the table (a longer one than its type needs is fine: later revisions append). length: of
 * the table as its header says, checked by acpi_check_table. */
int madt_next(const void *madt, size_t length, size_t *offset, struct madt_entry *entry,
              struct parse_error *error);

/* Whether the entry is a processor, with an APIC id that is not the broadcast id. */
bool madt_is_cpu(const struct madt_entry *entry);

/* Whether the entry is a processor to be started: present, and with an APIC id that is not the
 * broadcast id. One processor may be listed twice, as MADT_LOCAL_APIC and as MADT_LOCAL_X2APIC. */
bool madt_is_startable(const struct madt_entry *entry);

/* Faults that the log names one by one; the rest is counted, lest a table of them flood it. */
#define MADT_FAULTS_NAMED 4

/* Ids below are compared with each other: all that xAPIC mode knows, and some. */
#define MADT_IDS_COMPARED 4096

struct madt_info {
    uint64_t local_apic_address; /* physical; an address entry overrides the header's 32 bits */
    bool pcat_compat;            /* the machine has two 8259 PICs too */
    size_t cpus; /* entries that madt_is_startable, each APIC id below MADT_IDS_COMPARED once */
    size_t online_capable; /* processors that may be plugged in later */
    size_t io_apics;
    uint32_t max_apic_id; /* of the startable ones; 0 when there are none */
    uint64_t mailbox;     /* physical, of a wake-up entry; 0: there is none */

    /* What the firmware must not say, though one can live with it: a processor that has the
     * broadcast id, an APIC id or a UID listed before, an NMI on a pin that no APIC has, a second
     * address. Offsets are in the table. */
    size_t faults;
    struct parse_error fault[MADT_FAULTS_NAMED]; /* the first of them */
};

/* Walks the whole table. 0, or -EINVAL as madt_next; out then tells of the entries before the
 * error. */
int madt_parse(const void *madt, size_t length, struct madt_info *out, struct parse_error *error);
