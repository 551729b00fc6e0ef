/* Root pointer, root tables, and a list of all tables: each looked at once, and named once if it is
 * bad. */

#include "smp/tables.h"
#include "boot/multiboot2.h"
#include "dev/console.h"
#include "lib/string.h"
#include "mm/paging.h"
#include "smp/acpi.h"

#define TABLES_MAX       256
#define TABLE_LENGTH_MAX (16UL << 20) /* bytes; longer is a broken length */
#define COMPLAINTS_MAX   8            /* lines; more of them are counted */

static struct acpi_listed list[TABLES_MAX];
static size_t list_count;
static unsigned complaints;
static struct acpi_root root;

/* Where the address of a table stood: a root table and a byte of it. */
struct source {
    const char *table; /* or NULL: some other table's field */
    size_t offset;
};

static void complain(const struct source *source, const char name[4], uint64_t address,
                     const char *what)
{
    char text[5] = "????";
    if (complaints++ >= COMPLAINTS_MAX)
        return;
    for (unsigned i = 0; name && i < 4; i++)
        if (name[i] > ' ' && name[i] <= '~')
            text[i] = name[i];
    if (source->table)
        klog("acpi", "%s, byte %zu: table %s at 0x%lx: %s: ignored", source->table, source->offset,
             text, address, what);
    else
        klog("acpi", "table %s at 0x%lx: %s: ignored", text, address, what);
}

static bool is_signature(const char *name)
{
    for (unsigned i = 0; i < 4; i++)
        if (!(name[i] >= 'A' && name[i] <= 'Z') && !(name[i] >= '0' && name[i] <= '9') &&
            name[i] != '_')
            return false;
    return true;
}

/* Maps and checks what lies at listed->address and fills in the rest. What is wrong with it, or NULL. */
static const char *examine(struct acpi_listed *listed, char name[4])
{
    struct parse_error error;
    if (!listed->address)
        return "a null pointer";
    const char *header = map_physical(listed->address, ACPI_HEADER_SIZE, 0);
    if (!header)
        return "not a physical address";
    memcpy(name, header, 4);
    /* Where nothing is, memory reads as ones, slowly: that is not to be summed up. */
    if (!is_signature(name))
        return "no table's signature";
    uint32_t length = acpi_table_length(header);
    if (length < ACPI_HEADER_SIZE || length > TABLE_LENGTH_MAX)
        return "an impossible length";
    /* The header's window is whole pages: most tables fit into it. */
    if (length > PAGE_SIZE - listed->address % PAGE_SIZE)
        header = map_physical(listed->address, length, 0);
    if (!header)
        return "no memory to map it";
    listed->bytes = header;
    /* The FACS is the one table without a checksum (section 5.2.10). */
    if (memcmp(name, "FACS", 4) != 0 && acpi_check_table(header, length, NULL, &error))
        return error.what;
    listed->good = true;
    return NULL;
}

/* The place in the list of what lies there; new or known. NULL: the list is full. */
static const struct acpi_listed *find(uint64_t address, const struct source *source)
{
    for (size_t i = 0; i < list_count; i++)
        if (list[i].address == address)
            return &list[i];
    if (list_count == TABLES_MAX) {
        complain(source, NULL, address, "there are too many");
        return NULL;
    }
    char name[4] = {0};
    struct acpi_listed *listed = &list[list_count++];
    *listed = (struct acpi_listed){.address = address};
    const char *what = examine(listed, name);
    if (what)
        complain(source, name, address, what);
    return listed;
}

static const void *good_table(const struct acpi_listed *listed, const char *signature)
{
    if (!listed || !listed->good || (signature && memcmp(listed->bytes, signature, 4) != 0))
        return NULL;
    return listed->bytes;
}

/* Whether there is a root table and all that it names is good. at: where the root pointer has the
 * address. */
static bool list_root(uint64_t address, const char signature[4], size_t at)
{
    const struct source pointer = {"RSDP", at};
    if (!address)
        return false;
    const struct acpi_listed *listed = find(address, &pointer);
    const void *table = good_table(listed, signature);
    if (!table) {
        if (listed && listed->good)
            complain(&pointer, listed->bytes, address, "not the root table that it should be");
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < acpi_root_count(table); i++) {
        uint64_t entry = acpi_root_entry(table, i);
        const struct source source = {signature, acpi_root_entry_offset(table, i)};
        listed = find(entry, &source);
        bool is_root = entry && (entry == root.xsdt || entry == root.rsdt);
        if (is_root)
            complain(&source, signature, entry, "a root table");
        good &= good_table(listed, NULL) && !is_root;
    }
    return good;
}

void acpi_init(const struct boot_info *boot)
{
    struct parse_error error;
    list_count = 0;
    complaints = 0;
    root = (struct acpi_root){0};
    if (!boot->rsdp) {
        klog("acpi", "the loader found no root pointer (RSDP)");
        return;
    }
    if (acpi_check_rsdp(boot->rsdp, boot->rsdp_length, &root, &error))
        klog("acpi", "RSDP: %s at byte %zu", error.what, error.offset);
    if (!list_root(root.xsdt, "XSDT", RSDP_XSDT))
        list_root(root.rsdt, "RSDT", RSDP_RSDT);
    if (complaints > COMPLAINTS_MAX)
        klog("acpi", "bad tables besides: %u", complaints - COMPLAINTS_MAX);
    complaints = 0; /* these are told; others may come by acpi_map_table */
}

const void *acpi_next_table(const char signature[4], size_t *index)
{
    while (*index < list_count) {
        const void *table = good_table(&list[(*index)++], signature);
        if (table)
            return table;
    }
    return NULL;
}

const void *acpi_table(const char signature[4])
{
    size_t index = 0;
    return acpi_next_table(signature, &index);
}

const void *acpi_map_table(uint64_t address, const char *signature)
{
    static const struct source field;
    if (!address)
        return NULL;
    const struct acpi_listed *listed = find(address, &field);
    const void *table = good_table(listed, signature);
    if (!table && listed && listed->good)
        complain(&field, listed->bytes, address, "not the table that it should be");
    return table;
}

const struct acpi_listed *acpi_listed(size_t index)
{
    return index < list_count ? &list[index] : NULL;
}

const struct acpi_root *acpi_root(void)
{
    return &root;
}
