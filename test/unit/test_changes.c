// sources: src/mm/changes.c src/mm/remap.c src/mm/areas.c src/mm/pages.c src/mm/tables.c src/mm/space.c src/mm/frames.c src/mm/pool.c src/lib/tree.c src/lib/string.c test/unit/stubs.c
// flags: -DDIRECT_MAP_BASE=0x200000000000UL -DPIECE_WORK=60U -DAREAS_A_PIECE=3U -DSMALL=8192UL -fno-builtin
/* Address spaces against a model that knows what is at each page: random changes in small pieces, with faults
 * between them, leave both alike; no TLB keeps what the tables no longer give; nothing is lost. */
#include "stubs.h"
#include "cpu/cpu.h"
#include "cpu/mitigations.h"
#include "mm/changes.h"
#include "mm/frames.h"
#include "mm/pages.h"
#include "mm/tables.h"
#include "mm/tlb.h"
#include "smp/ipi.h"
#include <asm/errno.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>

#define MIB        0x100000UL
#define ARENA      (24 * MIB)
#define PAGES      700U
#define BASE       (0x40000000UL - 350 * PAGE_SIZE) /* across the border of two page directories */
#define NOT_MAPPED 99

static struct page {
    uint64_t value; /* its first word */
    uint64_t file_page;
    uint32_t prot;
    bool file;
} model[PAGES];

static struct space *space;
static uint64_t file[PAGES][PAGE_SIZE / 8];
static bool isolated; /* with page tables of ring 3's own */
static size_t free_at_start;

/* What a TLB may hold, by the last touch of each page. */
static struct {
    phys_addr_t frame;
    bool writable;
} tlb[PAGES];

static uint64_t address(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

bool mitigated(enum mitigation mitigation)
{
    return mitigation == MITIGATION_KPTI && isolated;
}

phys_addr_t page_tables_create(bool for_user)
{
    (void)for_user;
    return frame_alloc_zeroed();
}

phys_addr_t kernel_page_tables(void)
{
    return 0;
}

static void drop(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < PAGES; i++)
        if (address(i) >= start && address(i) < end)
            tlb[i].frame = 0;
}

static bool is_tested(const struct space *which)
{
    return which == space;
}

void tlb_shootdown(struct space *space, uint64_t start, uint64_t end)
{
    if (is_tested(space))
        drop(start, end);
}

void tlb_flush_page(uint64_t address)
{
    drop(address & PAGE_MASK, (address & PAGE_MASK) + PAGE_SIZE);
}

static pte_t entry_of(const struct space *of, uint64_t va)
{
    struct page_slot slot;
    return tables_slot((struct space *)of, va, false, &slot) ? *slot.entry : 0;
}

static void check_tlb(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        if (!tlb[i].frame)
            continue;
        pte_t entry = entry_of(space, address(i));
        assert_true(entry & PTE_P);
        assert_int_equal(entry & PTE_FRAME, tlb[i].frame);
        assert_true((entry & PTE_W) || !tlb[i].writable);
    }
}

/* Every entry that leads to a table counts what is in it, and no table is empty. */
static void check_counts(const pte_t *table, unsigned level, uint64_t count)
{
    uint64_t used = 0;
    for (unsigned i = 0; i < (level == 3 ? PML4_KERNEL : PAGE_ENTRIES); i++) {
        if (!table[i])
            continue;
        used++;
        assert_false(table[i] & PTE_DYING);
        if (level > 0)
            check_counts(phys_to_virt(table[i] & PTE_FRAME), level - 1,
                         (table[i] & PTE_COUNT) / PTE_COUNT_ONE);
    }
    if (level < 3) {
        assert_int_equal(used, count);
        assert_int_not_equal(used, 0);
    }
}

static void check_tables(void)
{
    check_counts(phys_to_virt(space->pml4), 3, 0);
    if (!isolated)
        return;
    const pte_t *kernels = phys_to_virt(space->pml4), *users = phys_to_virt(space->user_pml4);
    for (unsigned i = 0; i < PML4_KERNEL; i++) {
        assert_int_equal(kernels[i] & PTE_FRAME, users[i] & PTE_FRAME);
        assert_false(users[i] & PTE_NX);
    }
}

/* As a thread on another CPU does: by a fault, if the entry does not allow it. Whether it could be touched. */
static bool touch(struct space *in, unsigned page, enum access access)
{
    pte_t now = entry_of(in, address(page));
    bool allowed = (now & PTE_P) && (access != ACCESS_WRITE || (now & PTE_W));
    int error = allowed ? 0 : space_fault(in, address(page) + 8, access);
    assert_true(error == 0 || error == -EFAULT || error == -ENXIO);
    if (error)
        return false;
    pte_t entry = entry_of(in, address(page));
    assert_true(entry & PTE_P);
    assert_true(access != ACCESS_WRITE || (entry & PTE_W));
    if (in == space) {
        tlb[page].frame = entry & PTE_FRAME;
        tlb[page].writable = entry & PTE_W;
    }
    return true;
}

static uint64_t *word_at(const struct space *in, unsigned page)
{
    return phys_to_virt(entry_of(in, address(page)) & PTE_FRAME);
}

static void check_contents(struct space *in)
{
    for (unsigned i = 0; i < PAGES; i++) {
        bool readable = model[i].prot != NOT_MAPPED && model[i].prot != PROT_NONE;
        assert_int_equal(touch(in, i, ACCESS_READ), readable);
        if (readable)
            assert_int_equal(*word_at(in, i), model[i].value);
    }
}

static void write_some(unsigned from, unsigned to)
{
    for (unsigned n = 0; n < 6; n++) {
        unsigned i = from + (unsigned)random_below(to - from);
        bool writable = model[i].prot != NOT_MAPPED && (model[i].prot & PROT_WRITE);
        assert_int_equal(touch(space, i, ACCESS_WRITE), writable);
        if (writable)
            *word_at(space, i) = model[i].value = test_random();
    }
}

/* Does all of the pieces, with other threads' touches between them, in the range only reads. */
static int64_t all_pieces(struct space_change *change, unsigned from, unsigned to)
{
    const char me, other;
    int state;
    for (unsigned n = 0; (state = space_change(space, &me, change)) == SPACE_MORE; n++) {
        assert_in_range(n, 0, 10000);
        struct space_change another;
        change_unmap(&another, address(0), PAGE_SIZE);
        assert_int_equal(space_change(space, &other, &another), SPACE_BUSY);
        assert_false(space_let_go(space, &other));
        check_tlb();
        (void)touch(space, from + (unsigned)random_below(to - from), ACCESS_READ);
        if (from > 0)
            write_some(0, from);
        if (to < PAGES)
            write_some(to, PAGES);
    }
    assert_int_equal(state, SPACE_DONE);
    check_tlb();
    return change->result;
}

static void model_map(unsigned from, unsigned to, uint32_t prot, bool of_file)
{
    for (unsigned i = from; i < to; i++)
        model[i] = (struct page){of_file ? file[i][0] : 0, i, prot, of_file};
}

static void model_unmap(unsigned from, unsigned to)
{
    model_map(from, to, NOT_MAPPED, false);
}

static bool is_free(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if (model[i].prot != NOT_MAPPED)
            return false;
    return true;
}

/* The first page of the highest free place, or PAGES. */
static unsigned highest_free(unsigned length)
{
    for (unsigned start = PAGES - length + 1; start-- > 0;)
        if (is_free(start, start + length))
            return start;
    return PAGES;
}

static uint32_t some_prot(void)
{
    static const uint32_t prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
                                     PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
    return prots[random_below(5)];
}

static void map_over(unsigned from, unsigned to)
{
    struct space_change change;
    bool of_file = random_below(4) == 0;
    uint32_t prot = some_prot();
    change_map_over(&change, address(from), (to - from) * PAGE_SIZE, prot,
                    of_file ? (const uint8_t *)file[from] : NULL,
                    of_file ? (to - from) * PAGE_SIZE : 0);
    assert_int_equal(all_pieces(&change, from, to), address(from));
    model_map(from, to, prot, of_file);
}

static void remove_all(uint64_t start, uint64_t length)
{
    struct space_change change;
    change_unmap(&change, start, length);
    while (space_change(space, &change, &change) == SPACE_MORE)
        ;
}

static void map_anywhere(unsigned from, unsigned to)
{
    struct space_change change;
    bool only = random_below(2);
    change_map(&change, address(from), only, (to - from) * PAGE_SIZE, PROT_READ, NULL, 0);
    int64_t result = all_pieces(&change, from, to);
    unsigned at = is_free(from, to) ? from : only ? PAGES : highest_free(to - from);
    if (at < PAGES)
        model_map(at, at + to - from, PROT_READ, false);
    else if (only)
        assert_int_equal(result, -EEXIST);
    if (at < PAGES)
        assert_int_equal(result, address(at));
    else if (result > 0) /* below the pages that the model knows */
        remove_all((uint64_t)result, (to - from) * PAGE_SIZE);
}

static void unmap(unsigned from, unsigned to)
{
    struct space_change change;
    change_unmap(&change, address(from), (to - from) * PAGE_SIZE);
    assert_int_equal(all_pieces(&change, from, to), 0);
    model_unmap(from, to);
}

static void protect(unsigned from, unsigned to)
{
    struct space_change change;
    uint32_t prot = some_prot();
    change_protect(&change, address(from), (to - from) * PAGE_SIZE, prot);
    int64_t result = all_pieces(&change, from, to);
    for (; from < to && model[from].prot != NOT_MAPPED; from++)
        model[from].prot = prot;
    assert_int_equal(result, from < to ? -ENOMEM : 0);
}

static void discard(unsigned from, unsigned to)
{
    struct space_change change;
    bool hole = false;
    change_discard(&change, address(from), (to - from) * PAGE_SIZE);
    int64_t result = all_pieces(&change, from, to);
    for (; from < to; from++) {
        hole |= model[from].prot == NOT_MAPPED;
        model[from].value = model[from].file ? file[model[from].file_page][0] : 0;
    }
    assert_int_equal(result, hole ? -ENOMEM : 0);
}

/* Whether one area covers it: one kind, and bytes of a file one after the other. */
static bool one_area(unsigned from, unsigned to)
{
    const struct area *area = area_find(space, address(from));
    return area && area->start <= address(from) && area->end >= address(to);
}

static void remap(unsigned from, unsigned to)
{
    struct space_change change;
    unsigned old = to - from, new = 1 + (unsigned)random_below(PAGES / 3), at = 0;
    uint32_t flags = (uint32_t)random_below(2) * MREMAP_MAYMOVE;
    if (random_below(2)) {
        at = (unsigned)random_below(PAGES - new + 1);
        if (at < to && at + new > from)
            return;
        flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    }
    bool covered = one_area(from, to), fixed = flags & MREMAP_FIXED;
    bool ends_here = covered && area_find(space, address(from))->end == address(to);
    uint64_t below = area_find_free(space, new *PAGE_SIZE); /* may lie below what the model knows */
    change_remap(&change, address(from), old * PAGE_SIZE, new *PAGE_SIZE, flags, address(at));
    unsigned low = fixed && at < from ? at : 0, high = PAGES;
    int64_t result = all_pieces(&change, low, high);
    if (!covered) {
        assert_int_equal(result, -EFAULT);
        return;
    }
    if (!fixed && new <= old) {
        assert_int_equal(result, address(from));
        model_unmap(from + new, to);
        return;
    }
    struct page kept[PAGES];
    unsigned keeps = old < new ? old : new;
    memcpy(kept, model + from, keeps * sizeof kept[0]);
    const struct page first = kept[0];
    if (!fixed && ends_here && from + new <= PAGES &&is_free(to, from + new)) {
        at = from;
    } else if (!fixed && !(flags & MREMAP_MAYMOVE)) {
        assert_true(result == -ENOMEM || from + new > PAGES);
        if (result > 0) /* it has grown beyond what the model knows */
            model_map(to, PAGES, first.prot, false);
        if (result > 0)
            remove_all(address(PAGES), (from + new - PAGES) * PAGE_SIZE);
        return;
    } else if (!fixed) {
        at = highest_free(new);
        if (at == PAGES || result != (int64_t)address(at)) {
            fail_msg("%lx instead of %lx", (unsigned long)result, below);
        }
    }
    assert_int_equal(result, address(at));
    if (fixed)
        model_unmap(at, at + new);
    model_unmap(from, to);
    for (unsigned i = 0; i < new; i++) {
        struct page fresh = {0, first.file_page + i, first.prot, first.file};
        if (fresh.file)
            fresh.value = 0; /* beyond its end */
        model[at + i] = i < keeps ? kept[i] : fresh;
    }
}

static int begin(void **state)
{
    (void)state;
    static const struct phys_range usable = {MIB, ARENA - MIB};
    memset(phys_to_virt(0), 0xa5, ARENA);
    memset(tlb, 0, sizeof tlb);
    if (frames_init(&usable, 1, NULL, 0))
        return -1;
    for (unsigned i = 0; i < PAGES; i++)
        file[i][0] = 0xf11e0000 + i;
    model_unmap(0, PAGES);
    free_at_start = frames_free();
    space = space_create();
    space->map_top = address(PAGES);
    space->brk_start = space->brk = USER_START;
    return 0;
}

static void check_same_areas(struct space *a, struct space *b)
{
    const struct area *x = area_find(a, 0), *y = area_find(b, 0);
    for (; x && y; x = area_next(x), y = area_next(y)) {
        assert_int_equal(x->start, y->start);
        assert_int_equal(x->end, y->end);
        assert_int_equal(x->prot, y->prot);
        assert_ptr_equal(x->file, y->file);
    }
    assert_null(x);
    assert_null(y);
}

/* Nothing is left of a space that is torn down, however it was left. */
static int end(void **state)
{
    (void)state;
    assert_true(space_put(space));
    drop(0, USER_END);
    while (!space_teardown(space))
        ;
    assert_int_equal(frames_free(), free_at_start);
    return 0;
}

static void random_change(void)
{
    static void (*const changes[])(unsigned from, unsigned to) = {map_over, map_over, map_anywhere,
                                                                  unmap,    protect,  discard};
    unsigned from = (unsigned)random_below(PAGES);
    unsigned most = random_below(3) ? 12 : PAGES - from;
    unsigned to = from + 1 + (unsigned)random_below(most < PAGES - from ? most : PAGES - from);
    changes[random_below(6)](from, to);
}

static void check_random_changes(unsigned steps)
{
    for (unsigned n = 0; n < steps; n++) {
        random_change();
        write_some(0, PAGES);
        if (n % 8 == 0) {
            check_contents(space);
            check_tables();
            check_tlb();
        }
    }
}

static void test_random_changes_leave_space_and_model_alike(void **state)
{
    (void)state;
    isolated = false;
    check_random_changes(1500);
}

static void test_the_same_with_tables_of_ring_3s_own(void **state)
{
    (void)state;
    end(NULL);
    isolated = true;
    begin(NULL);
    check_random_changes(500);
    isolated = false; /* what is torn down has both */
}

static void test_a_move_takes_all_pages_along(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 400; n++) {
        random_change();
        unsigned from = (unsigned)random_below(PAGES - 40);
        if (random_below(2))
            map_over(from, from + 40);
        write_some(0, PAGES);
        space->map_top = address(PAGES);
        unsigned to = from + 1 + (unsigned)random_below(40);
        if (highest_free(PAGES / 3) == PAGES)
            unmap(from + 50 < PAGES / 2 ? PAGES / 2 : 0, from + 50 < PAGES / 2 ? PAGES : PAGES / 2);
        if (!model[from].file)
            remap(from, to);
        check_contents(space);
        check_tables();
    }
}

static void test_tables_that_a_move_leaves_empty_go_back(void **state)
{
    (void)state;
    struct space_change change;
    change_map_over(&change, address(0), 40 * PAGE_SIZE, PROT_READ | PROT_WRITE, NULL, 0);
    assert_int_equal(all_pieces(&change, 0, 40), address(0));
    for (unsigned i = 0; i < 40; i++)
        assert_true(touch(space, i, ACCESS_WRITE));
    size_t free = frames_free();
    change_remap(&change, address(0), 40 * PAGE_SIZE, 40 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
                 address(600)); /* below another page directory */
    assert_int_equal(all_pieces(&change, 0, PAGES), address(600));
    check_tables();
    assert_int_equal(frames_free(), free);
}

static void test_a_copy_has_the_same_and_goes_its_own_way(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 60; n++) {
        const char me;
        for (unsigned i = 0; i < 8; i++)
            random_change();
        write_some(0, PAGES);
        struct space *copy = space_create();
        uint64_t at = 0;
        int state_now;
        while ((state_now = space_copy(copy, space, &me, &at)) == SPACE_MORE) {
            assert_int_equal(space_copy(copy, space, "other", &at), SPACE_BUSY);
            check_tlb();
            (void)touch(space, (unsigned)random_below(PAGES), ACCESS_READ);
        }
        assert_int_equal(state_now, SPACE_DONE);
        check_same_areas(copy, space);
        check_tlb();
        struct page before[PAGES];
        memcpy(before, model, sizeof model);
        check_contents(copy);
        for (unsigned i = 0; i < 20; i++)
            write_some(0, PAGES);
        for (unsigned i = 0; i < PAGES; i += 35)
            protect(i, i + 35);
        for (unsigned i = 0; i < 20; i++)
            write_some(0, PAGES);
        check_contents(space);
        memcpy(model, before, sizeof model);
        check_contents(copy);
        check_tables();
        assert_true(space_put(copy));
        while (!space_teardown(copy))
            ;
        unmap(0, PAGES);
    }
}

static void test_change_that_never_ends_leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 200; n++) {
        const char me;
        for (unsigned i = 0; i < 10; i++)
            random_change();
        map_over(20, 400);
        for (unsigned i = 0; i < 30; i++)
            write_some(20, 400);
        struct space_change change;
        switch (random_below(4)) {
        case 0:
            change_unmap(&change, address(20), 380 * PAGE_SIZE);
            break;
        case 1:
            change_protect(&change, address(20), 380 * PAGE_SIZE, PROT_READ);
            break;
        case 2:
            change_remap(&change, address(20), 200 * PAGE_SIZE, 220 * PAGE_SIZE,
                         MREMAP_MAYMOVE | MREMAP_FIXED, address(450));
            break;
        default:
            change_map_over(&change, address(0), 500 * PAGE_SIZE, PROT_READ, NULL, 0);
        }
        for (uint64_t pieces = random_below(30); pieces; pieces--)
            if (space_change(space, &me, &change) == SPACE_DONE)
                break;
        bool under_way = space->changer;
        assert_int_equal(space_let_go(space, &me), under_way);
        assert_null(space->changer);
        end(NULL);
        begin(NULL);
    }
}

static void test_pages_beyond_a_files_end_are_not_there(void **state)
{
    (void)state;
    struct space_change change;
    change_map_over(&change, address(0), 4 * PAGE_SIZE, PROT_READ, (const uint8_t *)file[0],
                    PAGE_SIZE + 1);
    assert_int_equal(all_pieces(&change, 0, 4), address(0));
    assert_int_equal(space_fault(space, address(0), ACCESS_READ), 0);
    assert_int_equal(space_fault(space, address(1), ACCESS_READ), 0);
    assert_int_equal(space_fault(space, address(2), ACCESS_READ), -ENXIO);
    change_map_over(&change, address(8), PAGE_SIZE, PROT_READ, (const uint8_t *)file[1], 0);
    assert_int_equal(all_pieces(&change, 8, 9), address(8));
    assert_int_equal(space_fault(space, address(8), ACCESS_READ), -ENXIO);
}

static void test_hole_that_makes_one_area_too_many_is_refused(void **state)
{
    (void)state;
    struct space_change change;
    change_map_over(&change, address(0), 3 * PAGE_SIZE, PROT_READ, NULL, 0);
    assert_int_equal(all_pieces(&change, 0, 3), address(0));
    unsigned count = space->area_count;
    space->area_count = AREAS_MAX; /* as if they were there */
    change_unmap(&change, address(1), PAGE_SIZE);
    assert_int_equal(all_pieces(&change, 1, 2), -ENOMEM);
    assert_int_equal(space_fault(space, address(1), ACCESS_READ), 0);
    change_protect(&change, address(1), PAGE_SIZE, PROT_NONE);
    assert_int_equal(all_pieces(&change, 1, 2), -ENOMEM);
    change_unmap(&change, address(2), PAGE_SIZE); /* makes none more */
    assert_int_equal(all_pieces(&change, 2, 3), 0);
    assert_int_equal(space_fault(space, address(2), ACCESS_READ), -EFAULT);
    space->area_count -= AREAS_MAX - count;
}

static void test_break_moves_both_ways(void **state)
{
    (void)state;
    struct space_change change;
    space->brk_start = space->brk = address(100) + 5;
    const struct {
        uint64_t asked, got;
    } steps[] = {
        {0, address(100) + 5},           {address(140) + 1, address(140) + 1},
        {address(99), address(140) + 1}, {address(110), address(110)},
        {UINT64_MAX, address(110)},      {address(100) + 5, address(100) + 5},
    };
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        change_brk(&change, steps[i].asked);
        assert_int_equal(all_pieces(&change, 300, 301), steps[i].got);
        assert_int_equal(space->brk, steps[i].got);
        if (i == 1)
            assert_int_equal(space_fault(space, address(140), ACCESS_WRITE), 0);
    }
    assert_int_equal(space_fault(space, address(101), ACCESS_READ), -EFAULT);
    assert_int_equal(space->area_count, 0);
}

static int map_arena(void **state)
{
    void *arena = mmap(phys_to_virt(0), ARENA, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return arena == phys_to_virt(0) ? seed_random(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_changes_leave_space_and_model_alike, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_the_same_with_tables_of_ring_3s_own, begin, end),
        cmocka_unit_test_setup_teardown(test_a_move_takes_all_pages_along, begin, end),
        cmocka_unit_test_setup_teardown(test_tables_that_a_move_leaves_empty_go_back, begin, end),
        cmocka_unit_test_setup_teardown(test_a_copy_has_the_same_and_goes_its_own_way, begin, end),
        cmocka_unit_test_setup_teardown(test_change_that_never_ends_leaves_nothing_behind, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_pages_beyond_a_files_end_are_not_there, begin, end),
        cmocka_unit_test_setup_teardown(test_hole_that_makes_one_area_too_many_is_refused, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_break_moves_both_ways, begin, end),
    };
    return cmocka_run_group_tests(tests, map_arena, NULL);
}
