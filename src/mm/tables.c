/* Walking and changing the tables of an address space. */

#include "mm/tables.h"
#include "cpu/mitigations.h"
#include "mm/space.h"
#include <asm/errno.h>

#define LEVELS 4 /* 3: PML4 ... 0: page table */

static unsigned shift_of(unsigned level)
{
    return 12 + 9 * level;
}

static unsigned index_of(uint64_t va, unsigned level)
{
    return va >> shift_of(level) & (PAGE_ENTRIES - 1);
}

static pte_t *below(pte_t entry)
{
    return phys_to_virt(entry & PTE_FRAME);
}

/* Where the next entry of that level begins, at most `end`. */
static uint64_t next_of(uint64_t va, unsigned level, uint64_t end)
{
    uint64_t span = 1UL << shift_of(level);
    uint64_t next = (va & ~(span - 1)) + span;
    return next < end ? next : end;
}

int tables_create(struct space *space)
{
    space->pml4 = page_tables_create(false);
    space->user_pml4 = mitigated(MITIGATION_KPTI) ? page_tables_create(true) : 0;
    if (space->pml4 && (space->user_pml4 || !mitigated(MITIGATION_KPTI)))
        return 0;
    tables_free(space);
    return -ENOMEM;
}

void tables_free(struct space *space)
{
    if (space->pml4)
        frame_put(space->pml4);
    if (space->user_pml4)
        frame_put(space->user_pml4);
}

/* An entry of the PML4 is new, or gone: ring 3's own PML4, with page-table isolation, follows. */
static void share_root(struct space *space, pte_t *entry, uint64_t va)
{
    if (!space->user_pml4)
        return;
    below(space->user_pml4)[index_of(va, 3)] = *entry;
    if (*entry)
        *entry |= PTE_NX; /* nobody fetches from user space on these: SMEP for CPUs without it */
}

bool tables_slot(struct space *space, uint64_t va, bool create, struct page_slot *slot)
{
    pte_t *entry = &below(space->pml4)[index_of(va, 3)], *above = NULL;
    for (unsigned level = 3; level > 0; level--) {
        if (!*entry) {
            phys_addr_t frame = create ? frame_alloc_zeroed() : 0;
            if (!frame)
                return false;
            *entry = frame | PTE_P | PTE_W | PTE_U; /* rights are decided by the last level */
            if (above)
                *above += PTE_COUNT_ONE;
            else
                share_root(space, entry, va);
        }
        above = entry;
        entry = &below(*entry)[index_of(va, level - 1)];
    }
    *slot = (struct page_slot){entry, above};
    return true;
}

/* The way to the lowest table that holds all of a range: entry[l] is the entry of level l, and leads to it or
 * to the next one; level is the table's. */
struct path {
    pte_t *entry[LEVELS + 1]; /* the last one is the root's place */
    unsigned level;
};

/* False: nothing is there. */
static bool find_path(struct space *space, uint64_t va, uint64_t end, struct path *path)
{
    path->entry[LEVELS] = &space->pml4;
    for (path->level = LEVELS - 1; path->level > 0; path->level--) {
        if ((va ^ (end - 1)) >> shift_of(path->level))
            return true;
        pte_t *entry = &below(*path->entry[path->level + 1])[index_of(va, path->level)];
        if (!*entry)
            return false;
        path->entry[path->level] = entry;
    }
    return true;
}

static void spend(unsigned *work, unsigned cost)
{
    *work -= *work < cost ? *work : cost;
}

struct visit {
    visit_fn *visit;
    void *context;
    unsigned *work;
    bool stopped;
};

/* The part of [va, end) that lies in one table; `owner` is the entry that leads to it. */
static uint64_t visit_table(struct visit *v, pte_t *owner, unsigned level, uint64_t va,
                            uint64_t end)
{
    while (va < end && *v->work && !v->stopped) {
        pte_t *entry = &below(*owner)[index_of(va, level)];
        uint64_t next = next_of(va, level, end);
        spend(v->work, 1);
        if (*entry && level > 0) {
            va = visit_table(v, entry, level - 1, va, next);
            continue;
        }
        if (*entry) {
            struct page_slot slot;
            slot.entry = entry;
            slot.table = owner;
            v->stopped = !v->visit(v->context, &slot, va);
            if (v->stopped)
                return va;
            spend(v->work, PAGE_WORK);
        }
        va = next;
    }
    return va;
}

uint64_t tables_visit(struct space *space, uint64_t va, uint64_t end, unsigned *work,
                      visit_fn *visit, void *context)
{
    struct visit v = {.visit = visit, .context = context};
    v.work = work;
    struct path path;
    return find_path(space, va, end, &path)
               ? visit_table(&v, path.entry[path.level + 1], path.level, va, end)
               : end;
}

struct marking {
    struct space *space;
    unsigned *work;
    bool any;
};

/* An entry goes: a page's, or that of a table in which nothing is left. It keeps the frame's address. */
static void mark_entry(struct marking *m, pte_t *owner, pte_t *entry, unsigned level, uint64_t va)
{
    *entry = (*entry & PTE_FRAME) | PTE_DYING;
    if (level < LEVELS - 1)
        *owner -= PTE_COUNT_ONE;
    else if (m->space->user_pml4)
        below(m->space->user_pml4)[index_of(va, level)] = 0;
    m->any = true;
}

static uint64_t mark_table(struct marking *m, pte_t *owner, unsigned level, uint64_t va,
                           uint64_t end)
{
    while (va < end && *m->work) {
        pte_t *entry = &below(*owner)[index_of(va, level)];
        uint64_t at = va, next = next_of(va, level, end);
        spend(m->work, 1);
        va = *entry && level > 0 ? mark_table(m, entry, level - 1, va, next) : next;
        if (*entry && (level == 0 || !(*entry & PTE_COUNT))) {
            mark_entry(m, owner, entry, level, at);
            spend(m->work, PAGE_WORK);
        }
    }
    return va;
}

uint64_t tables_mark(struct space *space, uint64_t va, uint64_t end, unsigned *work, bool *any)
{
    struct marking m = {.space = space};
    m.work = work;
    struct path path;
    uint64_t stop = end;
    if (find_path(space, va, end, &path)) {
        stop = mark_table(&m, path.entry[path.level + 1], path.level, va, end);
        for (unsigned l = path.level + 1; l < LEVELS && !(*path.entry[l] & PTE_COUNT); l++)
            mark_entry(&m, path.entry[l + 1], path.entry[l], l, va);
    }
    *any = m.any;
    return stop;
}

/* If it is marked. */
static void reap_entry(pte_t *entry, unsigned level)
{
    if (!(*entry & PTE_DYING))
        return;
#ifdef FAULT_leaked_frame
    if (level == 0)
#else
    (void)level;
#endif
        frame_put(*entry & PTE_FRAME);
    *entry = 0;
}

/* What is marked in a table that is not lies in the range; a marked table holds nothing but marked entries. */
static void reap_table(pte_t owner, unsigned level, uint64_t va, uint64_t end)
{
    for (; va < end; va = next_of(va, level, end)) {
        pte_t *entry = &below(owner)[index_of(va, level)];
        if (*entry && level > 0)
            reap_table(*entry, level - 1, va, next_of(va, level, end));
        reap_entry(entry, level);
    }
}

void tables_reap(struct space *space, uint64_t va, uint64_t end)
{
    struct path path;
    if (!find_path(space, va, end, &path))
        return;
    reap_table(*path.entry[path.level + 1], path.level, va, end);
    for (unsigned l = path.level + 1; l < LEVELS; l++)
        reap_entry(path.entry[l], l);
}
