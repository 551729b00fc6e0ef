/* Page tables: the kernel's half, built once. Address spaces build theirs in tables.c. */

#include "mm/paging.h"
#include "cpu/features.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "mm/frames.h"
#include <asm/errno.h>

#define LARGE_PAGE (512 * PAGE_SIZE)
#define DEVICE_END (DEVICE_BASE + (1UL << 39)) /* of the PML4 entry that all address spaces share */

extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[], data_end[];
extern char entry_text_start[], entry_text_end[], entry_data_start[], entry_data_end[];

_Alignas(PAGE_SIZE) static pte_t kernel_pml4[PAGE_ENTRIES];
/* The upper half of ring 3's page tables, with page-table isolation. */
_Alignas(PAGE_SIZE) static pte_t entry_pml4[PAGE_ENTRIES];
static uint64_t next_window = DEVICE_BASE;
/* Frames below can be reached: what the boot page tables map, until paging_init leaves them. */
static phys_addr_t reach = BOOT_MAPPED;

static phys_addr_t physical(const void *in_image)
{
    return (phys_addr_t)in_image - KERNEL_BASE;
}

phys_addr_t kernel_page_tables(void)
{
    return physical(kernel_pml4);
}

static unsigned level_shift(unsigned level) /* 3: PML4 ... 0: page table */
{
    return 12 + 9 * level;
}

static phys_addr_t table_alloc(void)
{
    phys_addr_t frame = frame_alloc();
    if (frame >= reach) {
        frame_put(frame);
        return 0;
    }
    if (frame)
        memset(phys_to_virt(frame), 0, PAGE_SIZE);
    return frame;
}

/* The entry for va at the given level, or above it where a large page already covers va. */
static pte_t *walk_to(phys_addr_t pml4, uint64_t va, unsigned level, bool create)
{
    pte_t *table = phys_to_virt(pml4);
    for (unsigned l = 3;; l--) {
        pte_t *entry = &table[va >> level_shift(l) & (PAGE_ENTRIES - 1)];
        if (l == level || (*entry & PTE_PS))
            return entry;
        if (!*entry) {
            phys_addr_t frame = create ? table_alloc() : 0;
            if (!frame)
                return NULL;
            *entry = frame | PTE_P | PTE_W; /* rights are decided by the last level */
        }
        table = phys_to_virt(*entry & PTE_FRAME);
    }
}

static bool fits(uint64_t va, phys_addr_t pa, uint64_t size, unsigned level)
{
    uint64_t span = 1UL << level_shift(level);
    return size >= span && (va & (span - 1)) == 0 && (pa & (span - 1)) == 0;
}

/* Maps with the largest pages that alignment allows. A global translation outlives the change of
 * page tables: with page-table isolation, only what ring 3's tables map as well may be one. */
static int map_in(phys_addr_t pml4, uint64_t va, phys_addr_t pa, uint64_t size, uint64_t flags)
{
    if ((flags & PTE_ENTRY) || !mitigated(MITIGATION_KPTI))
        flags |= PTE_G;
    while (size) {
        unsigned level = 0;
        if (cpu_has(FEATURE_PAGE_1G) && fits(va, pa, size, 2))
            level = 2;
        else if (fits(va, pa, size, 1))
            level = 1;
        pte_t *entry = walk_to(pml4, va, level, true);
        /* Ranges may overlap: what is mapped stays, and smaller pages are filled in between. */
        while (entry && level > 0 && *entry && !(*entry & PTE_PS))
            entry = walk_to(pml4, va, --level, true);
        if (!entry)
            return -ENOMEM;
        if (!*entry)
            *entry = pa | flags | PTE_P | (level ? PTE_PS : 0);
        uint64_t span = 1UL << level_shift(level);
        va += span;
        pa += span;
        size -= span;
    }
    return 0;
}

static int map(uint64_t va, phys_addr_t pa, uint64_t size, uint64_t flags)
{
    return map_in(kernel_page_tables(), va, pa, size, flags);
}

int kernel_map(uint64_t va, phys_addr_t pa, uint64_t size, uint64_t flags)
{
    int error = map(va, pa, size, flags);
    if (!error && (flags & PTE_ENTRY) && mitigated(MITIGATION_KPTI))
        error = map_in(physical(entry_pml4), va, pa, size, flags);
    return error;
}

phys_addr_t physical_end(void)
{
    unsigned bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
    return 1UL << (bits < PHYSICAL_BITS_MAX ? bits : PHYSICAL_BITS_MAX);
}

void *map_physical(phys_addr_t pa, uint64_t size, uint64_t flags)
{
    uint64_t offset = pa & ~PAGE_MASK;
    uint64_t length = (offset + size + PAGE_SIZE - 1) & PAGE_MASK;
    if (size == 0 || length < size || pa + size < pa || pa + size > physical_end() ||
        length > DEVICE_END - DEVICE_BASE)
        return NULL;
    uint64_t va = next_window;
    if (length >= LARGE_PAGE) /* so that large pages fit */
        va = ((va + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1)) + (pa & (LARGE_PAGE - 1) & PAGE_MASK);
    if (va + length > DEVICE_END)
        return NULL;
    next_window = va + length + PAGE_SIZE; /* also if this fails half way: its entries stay */
    if (map(va, pa & PAGE_MASK, length, flags | PTE_NX))
        return NULL;
    return (void *)(va + offset);
}

/* Direct map of [start, end): writable, but not where the image's text and constants lie, lest W^X
 * have a back door. */
static int map_direct(phys_addr_t start, phys_addr_t end)
{
    const phys_addr_t ro_start = (phys_addr_t)text_start - KERNEL_BASE;
    const phys_addr_t ro_end = (phys_addr_t)rodata_end - KERNEL_BASE;
    const struct {
        phys_addr_t start, end;
        uint64_t flags;
    } parts[] = {
        {0, ro_start, PTE_W | PTE_NX},
        {ro_start, ro_end, PTE_NX},
        {ro_end, UINT64_MAX, PTE_W | PTE_NX},
    };
    int error = 0;
    for (unsigned i = 0; !error && i < 3; i++) {
        phys_addr_t from = start > parts[i].start ? start : parts[i].start;
        phys_addr_t to = end < parts[i].end ? end : parts[i].end;
        if (from < to)
            error = map(DIRECT_MAP_BASE + from, from, to - from, parts[i].flags);
    }
    return error;
}

static int map_image(const char *start, const char *end, uint64_t flags)
{
    return map((uint64_t)start, physical(start), (uint64_t)(end - start), flags);
}

static int map_entry_image(const char *start, const char *end, uint64_t flags)
{
    return map_in(physical(entry_pml4), (uint64_t)start, physical(start), (uint64_t)(end - start),
                  flags | PTE_ENTRY);
}

/* All pages that the bytes [start, end) touch. */
static int map_range(phys_addr_t start, phys_addr_t end)
{
    return start < end ? map_direct(start & PAGE_MASK, (end + PAGE_SIZE - 1) & PAGE_MASK) : 0;
}

int paging_init(const struct phys_range *usable, size_t usable_count,
                const struct phys_range *in_use, size_t in_use_count)
{
    int error = map_image(text_start, text_end, 0);
    if (!error)
        error = map_image(rodata_start, rodata_end, PTE_NX);
    if (!error)
        error = map_image(data_start, data_end, PTE_W | PTE_NX);
    if (!error && mitigated(MITIGATION_KPTI)) {
        error = map_entry_image(entry_text_start, entry_text_end, 0);
        if (!error)
            error = map_entry_image(entry_data_start, entry_data_end, PTE_W | PTE_NX);
    }
    if (!error)
        error = map_direct(0, 0x100000); /* the firmware's first MiB: trampoline, screen, RSDP */
    for (size_t i = 0; !error && i < usable_count; i++) {
        uint64_t end = usable[i].base + usable[i].size; /* what frames_init left out stays out */
        error = map_range(usable[i].base, end < frames_end() ? end : frames_end());
    }
    for (size_t i = 0; !error && i < in_use_count; i++)
        error = map_range(in_use[i].base, in_use[i].base + in_use[i].size);
    /* Every address space copies the upper half's entries once: they must all be there by then. */
    if (!error && (!walk_to(kernel_page_tables(), PER_CPU_BASE, 0, true) ||
                   !walk_to(physical(entry_pml4), PER_CPU_BASE, 0, true) ||
                   !walk_to(kernel_page_tables(), DEVICE_BASE, 0, true)))
        error = -ENOMEM;
    if (error)
        return error;
    cpu_set_memory_types();
    write_cr3(kernel_page_tables());
    reach = UINT64_MAX;
    return 0;
}

phys_addr_t page_tables_create(bool for_user)
{
    const pte_t *upper = for_user ? entry_pml4 : kernel_pml4;
    phys_addr_t pml4 = frame_alloc_zeroed();
    if (pml4)
        memcpy((pte_t *)phys_to_virt(pml4) + PML4_KERNEL, upper + PML4_KERNEL,
               (PAGE_ENTRIES - PML4_KERNEL) * sizeof(pte_t));
    return pml4;
}
