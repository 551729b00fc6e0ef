/* What can be done to an address space, under its lock: the areas say which addresses mean what
 * (areas.c), the page tables hold what has been touched (pages.c). */

#include "mm/space.h"
#include "cpu/cpu.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "mm/areas.h"
#include "mm/pages.h"
#include "mm/paging.h"
#include "mm/frames.h"
#include "mm/pool.h"
#include "smp/ipi.h"
#include <asm/errno.h>
#include <linux/mman.h>

static struct pool space_pool = POOL("space", struct space);

struct space *space_create(void)
{
    struct space *space = pool_alloc(&space_pool);
    if (!space)
        return NULL;
    space->lock = (struct spinlock)SPINLOCK("address space", LOCK_SPACE);
    space->users = 1;
    space->map_top = USER_END;
    space->pml4 = page_tables_create(false);
    if (space->pml4 && mitigated(MITIGATION_KPTI)) {
        space->user_pml4 = page_tables_create(true);
        if (!space->user_pml4) {
            page_tables_free(space->pml4, 0);
            space->pml4 = 0;
        }
    }
    if (!space->pml4) {
        pool_free(&space_pool, space);
        return NULL;
    }
    return space;
}

void space_get(struct space *space)
{
    space->users++;
}

bool space_put(struct space *space)
{
    return --space->users == 0;
}

bool space_teardown(struct space *space)
{
    pages_zap(space, 0, USER_END);
    while (space->areas)
        area_remove(space, &space->areas);
    tlb_shootdown(space, 0, USER_END); /* a CPU that is just leaving it answers once it has left */
    page_tables_free(space->pml4, space->user_pml4);
    pool_free(&space_pool, space);
    return true;
}

/* Tells the doors too, which change between the two tables. An NMI in the middle finds the new ones.
 * space: NULL for the kernel's own. */
static void load_tables(struct cpu *cpu, const struct space *space)
{
    bool pcid = mitigated(MITIGATION_PCID);
    phys_addr_t kernel = space ? space->pml4 : kernel_page_tables();
    cpu->kernel_cr3 = kernel | (pcid ? CR3_NO_FLUSH : 0);
    cpu->user_cr3 = (space ? space->user_pml4 : 0) | (pcid ? CR3_NO_FLUSH | CR3_PCID_USER : 0);
    if (space && mitigated(MITIGATION_IBPB))
        wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
    write_cr3(kernel);
    if (pcid)
        invpcid(INVPCID_CONTEXT, CR3_PCID_USER, 0);
}

void space_load(struct space *space)
{
    struct cpu *cpu = this_cpu->self;
    if (cpu->space == space)
        return;
    /* While CR3 changes, this CPU answers for both: a shootdown that sees it in neither has changed its
     * entries before the new space was announced, and the load of CR3 drops what the TLB held (SDM
     * vol. 3, 4.10.4.1), or comes after the old one was left. */
    __atomic_store_n(&cpu->next_space, space, __ATOMIC_SEQ_CST);
    load_tables(cpu, space);
    __atomic_store_n(&cpu->space, space, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->next_space, NULL, __ATOMIC_SEQ_CST);
}

/* Empties [start, end). 0, or -ENOMEM with nothing removed. */
static int remove_range(struct space *space, uint64_t start, uint64_t end)
{
    if (area_split(space, start) || area_split(space, end))
        return -ENOMEM;
    struct area **link = area_find(space, start);
    while (*link && (*link)->start < end)
        area_remove(space, link);
    pages_zap(space, start, end);
    return 0;
}

int space_map(struct space *space, uint64_t start, uint64_t length, uint32_t prot,
              const uint8_t *file, uint64_t file_size)
{
    struct area area = {
        .start = start, .end = start + length, .prot = prot, .file = file, .file_size = file_size};
    spin_lock(&space->lock);
    int error = remove_range(space, start, start + length);
    if (!error)
        error = area_insert(space, &area);
    area_merge(space, start, start + length);
    spin_unlock(&space->lock);
    return error;
}

int64_t space_map_anywhere(struct space *space, uint64_t hint, bool only_hint, uint64_t length,
                           uint32_t prot, const uint8_t *file, uint64_t file_size)
{
    spin_lock(&space->lock);
    int64_t error = 0;
    uint64_t start = hint;
    bool hint_fits = hint >= USER_START && length <= USER_END && hint <= USER_END - length &&
                     area_is_free(space, hint, length);
    if (!hint_fits && only_hint)
        error = -EEXIST;
    else if (!hint_fits && !(start = area_find_free(space, length)))
        error = -ENOMEM;
    struct area area = {
        .start = start, .end = start + length, .prot = prot, .file = file, .file_size = file_size};
    if (!error)
        error = area_insert(space, &area);
    area_merge(space, start, start + length);
    spin_unlock(&space->lock);
    return error ? error : (int64_t)start;
}

int space_unmap(struct space *space, uint64_t start, uint64_t length)
{
    spin_lock(&space->lock);
    int error = remove_range(space, start, start + length);
    spin_unlock(&space->lock);
    return error;
}

int space_protect(struct space *space, uint64_t start, uint64_t length, uint32_t prot)
{
    spin_lock(&space->lock);
    uint64_t end = area_covered_to(space, start, start + length);
    int error = end == start + length ? 0 : -ENOMEM;
    if (space->area_count < AREAS_MAX && !area_split(space, start) && !area_split(space, end)) {
        for (struct area *area = *area_find(space, start); area && area->start < end;
             area = area->next)
            area->prot = prot;
        pages_protect(space, start, end, prot);
        area_merge(space, start, end);
    } else {
        error = -ENOMEM;
    }
    spin_unlock(&space->lock);
    return error;
}

int space_discard(struct space *space, uint64_t start, uint64_t length)
{
    spin_lock(&space->lock);
    int error = area_covered_to(space, start, start + length) == start + length ? 0 : -ENOMEM;
    pages_zap(space, start, start + length);
    spin_unlock(&space->lock);
    return error;
}

/* Moves one whole area's worth of pages to a free place; the source's areas go. */
static int move(struct space *space, uint64_t old, uint64_t old_length, uint64_t new,
                uint64_t new_length)
{
    if (area_split(space, old) || area_split(space, old + old_length))
        return -ENOMEM;
    struct area area = **area_find(space, old);
    area.start = new;
    area.end = new + new_length;
    int error = area_insert(space, &area);
    if (error)
        return error;
    uint64_t kept = old_length < new_length ? old_length : new_length;
    if (pages_move(space, old, new, kept)) {
        area_remove(space, area_find(space, new));
        return -ENOMEM;
    }
    return remove_range(space, old, old + old_length);
}

static int64_t remap_locked(struct space *space, uint64_t old, uint64_t old_length,
                            uint64_t new_length, uint32_t flags, uint64_t new_address)
{
    struct area *area = *area_find(space, old);
    if (!area || area->start > old || area->end < old + old_length)
        return -EFAULT;
    if (!(flags & MREMAP_FIXED)) {
        if (new_length <= old_length) {
            int error = remove_range(space, old + new_length, old + old_length);
            return error ? error : (int64_t)old;
        }
        uint64_t more = new_length - old_length;
        if (area->end == old + old_length && more <= USER_END - area->end &&
            area_is_free(space, area->end, more)) {
            area->end += more;
            return (int64_t)old;
        }
        if (!(flags & MREMAP_MAYMOVE))
            return -ENOMEM;
        new_address = area_find_free(space, new_length);
        if (!new_address)
            return -ENOMEM;
    } else if (remove_range(space, new_address, new_address + new_length)) {
        return -ENOMEM;
    }
    int error = move(space, old, old_length, new_address, new_length);
    return error ? error : (int64_t)new_address;
}

int64_t space_remap(struct space *space, uint64_t old, uint64_t old_length, uint64_t new_length,
                    uint32_t flags, uint64_t new_address)
{
    spin_lock(&space->lock);
    int64_t result = remap_locked(space, old, old_length, new_length, flags, new_address);
    if (result > 0)
        area_merge(space, (uint64_t)result, (uint64_t)result + new_length);
    spin_unlock(&space->lock);
    return result;
}

uint64_t space_set_brk(struct space *space, uint64_t brk)
{
    spin_lock(&space->lock);
    uint64_t old_end = (space->brk + PAGE_SIZE - 1) & PAGE_MASK;
    uint64_t new_end = (brk + PAGE_SIZE - 1) & PAGE_MASK;
    if (brk >= space->brk_start && brk <= USER_END) {
        struct area area = {.start = old_end, .end = new_end, .prot = PROT_READ | PROT_WRITE};
        if (new_end == old_end || (new_end < old_end && !remove_range(space, new_end, old_end)) ||
            (new_end > old_end && area_is_free(space, old_end, new_end - old_end) &&
             !area_insert(space, &area)))
            space->brk = brk;
        area_merge(space, old_end, old_end > new_end ? old_end : new_end);
    }
    brk = space->brk;
    spin_unlock(&space->lock);
    return brk;
}

int space_fault(struct space *space, uint64_t address, enum access access)
{
    static const uint32_t needs[] = {
        [ACCESS_READ] = PROT_READ | PROT_WRITE | PROT_EXEC, /* x86 has no unreadable pages */
        [ACCESS_WRITE] = PROT_WRITE,
        [ACCESS_EXEC] = PROT_EXEC,
    };
    int error = -EFAULT;
    spin_lock(&space->lock);
    const struct area *area = *area_find(space, address);
    if (area && area->start <= address && (area->prot & needs[access])) {
        uint64_t va = address & PAGE_MASK;
        bool beyond = area->file && va - area->start >= area->file_size;
        error = beyond ? -ENXIO : pages_fault(space, area, va, access);
    }
    spin_unlock(&space->lock);
    return error;
}

int space_write(struct space *space, uint64_t address, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size) {
        size_t chunk = PAGE_SIZE - (address & ~PAGE_MASK);
        if (chunk > size)
            chunk = size;
        int error = space_fault(space, address, ACCESS_WRITE);
        if (error)
            return error;
        const pte_t *entry = page_walk(space->pml4, address, false);
        memcpy((uint8_t *)phys_to_virt(*entry & PTE_FRAME) + (address & ~PAGE_MASK), from, chunk);
        from += chunk;
        address += chunk;
        size -= chunk;
    }
    return 0;
}

int space_copy(struct space *copy, struct space *source, const void *who, uint64_t *at)
{
    (void)who;
    (void)at;
    int error = 0;
    spin_lock(&source->lock);
    copy->brk_start = source->brk_start;
    copy->brk = source->brk;
    copy->map_top = source->map_top;
    struct area **tail = &copy->areas;
    for (const struct area *area = source->areas; area && !error; area = area->next) {
        struct area *twin = area_create(copy);
        if (twin) {
            *twin = *area;
            twin->next = NULL;
            *tail = twin;
            tail = &twin->next;
        } else {
            error = -ENOMEM;
        }
    }
    if (!error)
        error = pages_share(copy, source);
    spin_unlock(&source->lock);
    return error;
}

void space_let_go(struct space *space, const void *who)
{
    (void)space;
    (void)who;
}
