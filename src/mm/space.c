/* The life of an address space, from its making or copying to its end. The areas say which addresses mean
 * what (areas.c), the page tables hold what has been touched (tables.c, pages.c), and programs change both
 * (changes.c). */

#include "mm/space.h"
#include "cpu/cpu.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "mm/changes.h"
#include "mm/pages.h"
#include "mm/pool.h"
#include "mm/tables.h"
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
    areas_init(space);
    if (tables_create(space)) {
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
    if (!space_empty(space, &space->torn, USER_END))
        return false;
    tlb_shootdown(space, 0, USER_END); /* a CPU that is just leaving it answers once it has left */
    tables_free(space);
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

int space_map(struct space *space, uint64_t start, uint64_t length, uint32_t prot,
              const uint8_t *file, uint64_t file_size)
{
    const struct area area = {
        .start = start, .end = start + length, .prot = prot, .file = file, .file_size = file_size};
    spin_lock(&space->lock);
    int error = area_is_free(space, start, length) ? area_add(space, &area) : -EEXIST;
    spin_unlock(&space->lock);
    return error;
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
    const struct area *area = area_find(space, address);
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
        struct page_slot slot;
        if (!tables_slot(space, address, false, &slot))
            return -EFAULT;
        memcpy((uint8_t *)phys_to_virt(*slot.entry & PTE_FRAME) + (address & ~PAGE_MASK), from,
               chunk);
        from += chunk;
        address += chunk;
        size -= chunk;
    }
    return 0;
}

/* Copies the areas that begin at `from` or above, a piece of them. Where what has been copied ends: the pages
 * up to there may be shared. */
static uint64_t copy_areas(struct space *copy, struct space *source, uint64_t from, int *error)
{
    uint64_t end = from;
    const struct area *area = area_find(source, from);
    for (unsigned n = 0; area && n < AREAS_A_PIECE; area = area_next(area), n++) {
        *error = area_insert(copy, area);
        if (*error)
            return end;
        end = area->end;
    }
    return area ? end : USER_END;
}

int space_copy(struct space *copy, struct space *source, const void *who, uint64_t *at)
{
    int error = 0;
    spin_lock(&source->lock);
    if (source->changer && source->changer != who) {
        spin_unlock(&source->lock);
        return SPACE_BUSY;
    }
    if (!*at) {
        copy->brk_start = source->brk_start;
        copy->brk = source->brk;
        copy->map_top = source->map_top;
        *at = USER_START;
    }
    const struct area *last = area_last(copy);
    uint64_t end = last && last->end > *at ? last->end : copy_areas(copy, source, *at, &error);
    if (!error)
        *at = pages_share(copy, source, *at, end, &error);
    bool more = !error && *at < USER_END;
    source->changer = more ? who : NULL;
    spin_unlock(&source->lock);
    return error ? error : more ? SPACE_MORE : SPACE_DONE;
}
