/* Pages of user space: coming on first touch, copied on write, changing rights, moving, going. */

#include "mm/pages.h"
#include "cpu/panic.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/tables.h"
#include "mm/tlb.h"
#include "smp/ipi.h"
#include <asm/errno.h>
#include <linux/mman.h>

static pte_t rights(uint32_t prot)
{
    if (!(prot & (PROT_READ | PROT_WRITE | PROT_EXEC)))
        return PTE_NO_ACCESS;
    return PTE_P | PTE_U | (prot & PROT_WRITE ? PTE_W : 0) | (prot & PROT_EXEC ? 0 : PTE_NX);
}

/* An entry for a frame that is there already: one that others have too is not written. */
static pte_t entry_for(phys_addr_t frame, uint32_t refs, uint32_t prot)
{
    return frame | (rights(prot) & (refs > 1 ? ~PTE_W : ~0UL));
}

/* Fills a fresh frame with what the area says lies at va. */
static void fill(void *page, const struct area *area, uint64_t va)
{
    uint64_t offset = va - area->start;
    size_t bytes = 0;
    if (area->file && offset < area->file_size)
        bytes = area->file_size - offset < PAGE_SIZE ? area->file_size - offset : PAGE_SIZE;
    memcpy(page, area->file + offset, bytes);
    memset((uint8_t *)page + bytes, 0, PAGE_SIZE - bytes);
}

int pages_fault(struct space *space, const struct area *area, uint64_t va, enum access access)
{
    struct page_slot slot;
    if (!tables_slot(space, va, true, &slot))
        return -ENOMEM;
    phys_addr_t old = *slot.entry & PTE_FRAME;
    uint32_t refs = old ? frame_refs(old) : 0;
    if (old && (access != ACCESS_WRITE || refs == 1)) {
        /* Another CPU was here first, and this one's TLB does not know; or the area's rights are wider
         * than the entry's. */
        *slot.entry = entry_for(old, refs, area->prot);
        tlb_flush_page(va);
        return 0;
    }
    phys_addr_t frame = frame_alloc();
    if (!frame)
        return -ENOMEM;
    if (old)
        memcpy(phys_to_virt(frame), phys_to_virt(old), PAGE_SIZE);
    else
        fill(phys_to_virt(frame), area, va);
    slot_set(&slot, frame | rights(area->prot));
    if (old) {
        tlb_shootdown(space, va, va + PAGE_SIZE); /* nobody may go on reading the shared frame */
        frame_put(old);
    }
    return 0;
}

uint64_t pages_zap(struct space *space, uint64_t start, uint64_t end)
{
    /* A frame must not serve another purpose while some TLB still leads to it: first make the
     * entries not present, then flush everywhere, then free. */
    unsigned work = PIECE_WORK;
    bool any;
    uint64_t stop = tables_mark(space, start, end, &work, &any);
    if (any) {
        tlb_shootdown(space, start, stop);
        tables_reap(space, start, stop);
    }
    return stop;
}

/* What a visitor is told. */
struct task {
    struct space *space; /* the other one */
    uint64_t from, to;
    uint32_t prot;
    bool any;
    int error;
};

static bool protect(void *context, const struct page_slot *slot, uint64_t va)
{
    struct task *task = context;
    (void)va;
    phys_addr_t frame = *slot->entry & PTE_FRAME;
    *slot->entry = entry_for(frame, frame_refs(frame), task->prot);
    return task->any = true;
}

uint64_t pages_protect(struct space *space, uint64_t start, uint64_t end, uint32_t prot)
{
    struct task task = {.prot = prot};
    unsigned work = PIECE_WORK;
    uint64_t stop = tables_visit(space, start, end, &work, protect, &task);
    if (task.any)
        tlb_shootdown(space, start, stop);
    return stop;
}

static bool prepare(void *context, const struct page_slot *slot, uint64_t va)
{
    struct task *task = context;
    struct page_slot target;
    (void)slot;
    if (!tables_slot(task->space, va - task->from + task->to, true, &target))
        task->error = -ENOMEM;
    return !task->error;
}

uint64_t pages_prepare_move(struct space *space, uint64_t start, uint64_t end, uint64_t to,
                            int *error)
{
    struct task task = {.space = space, .from = start, .to = to};
    unsigned work = PIECE_WORK;
    uint64_t stop = tables_visit(space, start, end, &work, prepare, &task);
    *error = task.error;
    return stop;
}

static bool move(void *context, const struct page_slot *slot, uint64_t va)
{
    struct task *task = context;
    struct page_slot target;
    if (!tables_slot(task->space, va - task->from + task->to, true, &target))
        panic("a page table that was made for a move is gone");
    slot_set(&target, *slot->entry);
    slot_set(slot, 0);
    return task->any = true;
}

uint64_t pages_move(struct space *space, uint64_t start, uint64_t end, uint64_t to)
{
    struct task task = {.space = space, .from = start, .to = to};
    unsigned work = PIECE_WORK;
    uint64_t stop = tables_visit(space, start, end, &work, move, &task);
    if (task.any)
        tlb_shootdown(space, start, stop);
    return stop;
}

static bool share(void *context, const struct page_slot *slot, uint64_t va)
{
    struct task *task = context;
    struct page_slot copy;
    if (!tables_slot(task->space, va, true, &copy)) {
        task->error = -ENOMEM;
        return false;
    }
    *slot->entry &= ~PTE_W;
    slot_set(&copy, *slot->entry);
    frame_get(*slot->entry & PTE_FRAME);
    return task->any = true;
}

uint64_t pages_share(struct space *target, struct space *source, uint64_t start, uint64_t end,
                     int *error)
{
    struct task task = {.space = target};
    unsigned work = PIECE_WORK;
    uint64_t stop = tables_visit(source, start, end, &work, share, &task);
    *error = task.error;
    if (task.any)
        tlb_shootdown(source, start, stop);
    return stop;
}
