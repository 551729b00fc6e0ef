/* Pages of user space: coming on first touch, copied on write, changing rights, going. */

#include "mm/pages.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/paging.h"
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

/* The entry for va, made if need be, in both of the space's tables. NULL when memory is exhausted. */
static pte_t *make_entry(struct space *space, uint64_t va)
{
    pte_t *entry = page_walk(space->pml4, va, true);
    if (entry && space->user_pml4)
        page_tables_share(space->user_pml4, space->pml4, va);
    return entry;
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
    pte_t *entry = make_entry(space, va);
    if (!entry)
        return -ENOMEM;
    phys_addr_t old = *entry & PTE_FRAME;
    if (old && !(access == ACCESS_WRITE && !(*entry & PTE_W))) {
        tlb_flush_page(va); /* another CPU was here first, and this one's TLB does not know */
        return 0;
    }
    if (old && frame_refs(old) == 1) {
        *entry |= PTE_W;
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
    *entry = frame | rights(area->prot);
    if (old) {
        tlb_shootdown(space, va, va + PAGE_SIZE); /* nobody may go on reading the shared frame */
        frame_put(old);
    }
    return 0;
}

void pages_zap(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t va = start;
    pte_t *entry = page_next(space->pml4, &va, end);
    if (!entry)
        return;
    /* A frame must not serve another purpose while some TLB still leads to it: first make the
     * entries not present, then flush everywhere, then free. */
    for (; entry; va += PAGE_SIZE, entry = page_next(space->pml4, &va, end))
        *entry = (*entry & PTE_FRAME) | PTE_DYING;
    tlb_shootdown(space, start, end);
    for (va = start; (entry = page_next(space->pml4, &va, end)); va += PAGE_SIZE) {
        frame_put(*entry & PTE_FRAME);
        *entry = 0;
    }
}

void pages_protect(struct space *space, uint64_t start, uint64_t end, uint32_t prot)
{
    bool any = false;
    pte_t *entry;
    for (uint64_t va = start; (entry = page_next(space->pml4, &va, end)); va += PAGE_SIZE) {
        phys_addr_t frame = *entry & PTE_FRAME;
        *entry = frame | (rights(prot) & (frame_refs(frame) > 1 ? ~PTE_W : ~0UL));
        any = true;
    }
    if (any)
        tlb_shootdown(space, start, end);
}

int pages_move(struct space *space, uint64_t from, uint64_t to, uint64_t length)
{
    pte_t *entry;
    for (uint64_t va = from; page_next(space->pml4, &va, from + length); va += PAGE_SIZE)
        if (!make_entry(space, va - from + to))
            return -ENOMEM; /* tables made so far stay, empty */
    for (uint64_t va = from; (entry = page_next(space->pml4, &va, from + length));
         va += PAGE_SIZE) {
        *page_walk(space->pml4, va - from + to, false) = *entry;
        *entry = 0;
    }
    tlb_shootdown(space, from, from + length);
    return 0;
}

int pages_share(struct space *target, struct space *source)
{
    pte_t *entry;
    int error = 0;
    for (uint64_t va = 0; (entry = page_next(source->pml4, &va, USER_END)); va += PAGE_SIZE) {
        pte_t *copy = make_entry(target, va);
        if (!copy) {
            error = -ENOMEM;
            break;
        }
        *entry &= ~PTE_W;
        *copy = *entry;
        frame_get(*entry & PTE_FRAME);
    }
    tlb_shootdown(source, 0, USER_END);
    return error;
}
