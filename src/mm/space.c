/* Areas: which addresses mean what. The list is short and kept sorted; neighbours of one kind are
 * merged. */

#include "mm/space.h"
#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "mm/pages.h"
#include "mm/paging.h"
#include "mm/frames.h"
#include "mm/pool.h"
#include "smp/ipi.h"
#include <asm/errno.h>
#include <linux/mman.h>

#define AREAS_MAX 65530 /* Linux's vm.max_map_count; unmapping may still split one more */

static struct pool area_pool = POOL("area", struct area);
static struct pool space_pool = POOL("space", struct space);

/* A new list entry, or NULL. */
static struct area *area_create(struct space *space)
{
    struct area *area = pool_alloc(&area_pool);
    if (area)
        space->area_count++;
    return area;
}

/* Takes the area that the link leads to out of the list. */
static void area_remove(struct space *space, struct area **link)
{
    struct area *area = *link;
    *link = area->next;
    if (space->hint == area)
        space->hint = NULL;
    space->area_count--;
    pool_free(&area_pool, area);
}

struct space *space_create(void)
{
    struct space *space = pool_alloc(&space_pool);
    if (!space)
        return NULL;
    space->lock = (struct spinlock)SPINLOCK("address space", LOCK_SPACE);
    space->users = 1;
    space->map_top = USER_END;
    space->pml4 = page_tables_create();
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

void space_put(struct space *space)
{
    if (--space->users)
        return;
    pages_zap(space, 0, USER_END);
    while (space->areas)
        area_remove(space, &space->areas);
    tlb_shootdown(space, 0, USER_END); /* a CPU that is just leaving it answers once it has left */
    page_tables_free(space->pml4);
    pool_free(&space_pool, space);
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
    write_cr3(space ? space->pml4 : kernel_page_tables());
    __atomic_store_n(&cpu->space, space, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->next_space, NULL, __ATOMIC_SEQ_CST);
}

/* The link to the first area that ends above the address. Programs work their way along addresses, so
 * the search begins where the last one ended, if it can. */
static struct area **find(struct space *space, uint64_t address)
{
    struct area **link = &space->areas;
    if (space->hint && space->hint->end <= address)
        link = &space->hint->next;
    for (; *link && (*link)->end <= address; link = &(*link)->next)
        space->hint = *link;
    return link;
}

static bool is_free(struct space *space, uint64_t start, uint64_t length)
{
    const struct area *next = *find(space, start);
    return !next || next->start >= start + length;
}

/* Makes `at` a border between areas, if it lies inside one. 0 or -ENOMEM. */
static int split(struct space *space, uint64_t at)
{
    struct area *area = *find(space, at);
    if (!area || area->start >= at)
        return 0;
    struct area *rest = area_create(space);
    if (!rest)
        return -ENOMEM;
    uint64_t done = at - area->start;
    *rest = *area;
    rest->start = at;
    if (area->file) {
        rest->file = area->file + done;
        rest->file_size = area->file_size > done ? area->file_size - done : 0;
    }
    area->end = at;
    area->next = rest;
    return 0;
}

/* Joins neighbours of one kind that touch [start, end]. */
static void merge(struct space *space, uint64_t start, uint64_t end)
{
    struct area *area = *find(space, start);
    if (space->hint && space->hint->end <= start)
        area = space->hint; /* the one before */
    while (area && area->next && area->next->start <= end) {
        struct area *next = area->next;
        if (area->end == next->start && area->prot == next->prot && !area->file && !next->file) {
            area->end = next->end;
            area_remove(space, &area->next);
        } else {
            area = next;
        }
    }
}

static int insert(struct space *space, const struct area *model)
{
    struct area *area = space->area_count < AREAS_MAX ? area_create(space) : NULL;
    if (!area)
        return -ENOMEM;
    struct area **link = find(space, model->start);
    *area = *model;
    area->next = *link;
    *link = area;
    return 0;
}

/* Empties [start, end). 0, or -ENOMEM with nothing removed. */
static int remove_range(struct space *space, uint64_t start, uint64_t end)
{
    if (split(space, start) || split(space, end))
        return -ENOMEM;
    struct area **link = find(space, start);
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
        error = insert(space, &area);
    merge(space, start, start + length);
    spin_unlock(&space->lock);
    return error;
}

/* The highest free range of that length, or 0. */
static uint64_t find_free(struct space *space, uint64_t length)
{
    uint64_t found = 0, gap = USER_START;
    for (const struct area *area = space->areas;; area = area->next) {
        uint64_t end = area && area->start < space->map_top ? area->start : space->map_top;
        if (end > gap && end - gap >= length)
            found = end - length;
        if (!area)
            return found;
        if (area->end > gap)
            gap = area->end;
    }
}

int64_t space_map_anywhere(struct space *space, uint64_t hint, bool only_hint, uint64_t length,
                           uint32_t prot, const uint8_t *file, uint64_t file_size)
{
    spin_lock(&space->lock);
    int64_t error = 0;
    uint64_t start = hint;
    bool hint_fits = hint >= USER_START && length <= USER_END && hint <= USER_END - length &&
                     is_free(space, hint, length);
    if (!hint_fits && only_hint)
        error = -EEXIST;
    else if (!hint_fits && !(start = find_free(space, length)))
        error = -ENOMEM;
    struct area area = {
        .start = start, .end = start + length, .prot = prot, .file = file, .file_size = file_size};
    if (!error)
        error = insert(space, &area);
    merge(space, start, start + length);
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

/* Where the areas that cover `start` without a hole end; start itself if none does. At most `end`. */
static uint64_t covered_to(struct space *space, uint64_t start, uint64_t end)
{
    const struct area *area = *find(space, start);
    for (; area && area->start <= start && start < end; area = area->next)
        start = area->end;
    return start < end ? start : end;
}

int space_protect(struct space *space, uint64_t start, uint64_t length, uint32_t prot)
{
    spin_lock(&space->lock);
    uint64_t end = covered_to(space, start, start + length);
    int error = end == start + length ? 0 : -ENOMEM;
    if (space->area_count < AREAS_MAX && !split(space, start) && !split(space, end)) {
        for (struct area *area = *find(space, start); area && area->start < end; area = area->next)
            area->prot = prot;
        pages_protect(space, start, end, prot);
        merge(space, start, end);
    } else {
        error = -ENOMEM;
    }
    spin_unlock(&space->lock);
    return error;
}

int space_discard(struct space *space, uint64_t start, uint64_t length)
{
    spin_lock(&space->lock);
    int error = covered_to(space, start, start + length) == start + length ? 0 : -ENOMEM;
    pages_zap(space, start, start + length);
    spin_unlock(&space->lock);
    return error;
}

/* Moves one whole area's worth of pages to a free place; the source's areas go. */
static int move(struct space *space, uint64_t old, uint64_t old_length, uint64_t new,
                uint64_t new_length)
{
    if (split(space, old) || split(space, old + old_length))
        return -ENOMEM;
    struct area area = **find(space, old);
    area.start = new;
    area.end = new + new_length;
    int error = insert(space, &area);
    if (error)
        return error;
    uint64_t kept = old_length < new_length ? old_length : new_length;
    if (pages_move(space, old, new, kept)) {
        area_remove(space, find(space, new));
        return -ENOMEM;
    }
    return remove_range(space, old, old + old_length);
}

static int64_t remap_locked(struct space *space, uint64_t old, uint64_t old_length,
                            uint64_t new_length, uint32_t flags, uint64_t new_address)
{
    struct area *area = *find(space, old);
    if (!area || area->start > old || area->end < old + old_length)
        return -EFAULT;
    if (!(flags & MREMAP_FIXED)) {
        if (new_length <= old_length) {
            int error = remove_range(space, old + new_length, old + old_length);
            return error ? error : (int64_t)old;
        }
        uint64_t more = new_length - old_length;
        if (area->end == old + old_length && more <= USER_END - area->end &&
            is_free(space, area->end, more)) {
            area->end += more;
            return (int64_t)old;
        }
        if (!(flags & MREMAP_MAYMOVE))
            return -ENOMEM;
        new_address = find_free(space, new_length);
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
        merge(space, (uint64_t)result, (uint64_t)result + new_length);
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
            (new_end > old_end && is_free(space, old_end, new_end - old_end) &&
             !insert(space, &area)))
            space->brk = brk;
        merge(space, old_end, old_end > new_end ? old_end : new_end);
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
    const struct area *area = *find(space, address);
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

struct space *space_clone(struct space *source)
{
    struct space *copy = space_create();
    if (!copy)
        return NULL;
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
    if (error) {
        space_put(copy);
        return NULL;
    }
    return copy;
}
