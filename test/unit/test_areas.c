// sources: src/mm/areas.c src/lib/tree.c test/unit/stubs.c
/* The tree of areas against a model that knows the kind of each page: random mapping, unmapping and
 * protecting must leave both alike, and the tree sorted, counted, and without neighbours to join. */
#include "stubs.h"
#include "mm/areas.h"
#include "mm/pool.h"
#include "mm/space.h"

#define PAGES 48
#define BASE  USER_START

static struct space space;
static int kind[PAGES]; /* 0: unmapped, else 1 + prot */
static const uint8_t file[PAGES * PAGE_SIZE];
static bool from_file[PAGES];
static uint64_t file_page[PAGES]; /* of the file that lies at the page */
static int allocations_left = -1; /* -1: no end */

void *pool_alloc(struct pool *pool)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left -= allocations_left > 0;
    return calloc(1, pool->object_size);
}

void pool_free(struct pool *pool, void *object)
{
    (void)pool;
    free(object);
}

static uint64_t address(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

static int reset(void **state)
{
    (void)state;
    allocations_left = -1;
    struct area *area;
    while ((area = area_find(&space, 0)))
        area_remove(&space, area);
    assert_int_equal(space.area_count, 0);
    space = (struct space){.map_top = address(PAGES)};
    areas_init(&space);
    for (unsigned i = 0; i < PAGES; i++)
        kind[i] = from_file[i] = 0;
    return 0;
}

static int empty(unsigned from, unsigned to)
{
    if (area_split(&space, address(from)) || area_split(&space, address(to)))
        return -1;
    struct area *area;
    while ((area = area_find(&space, address(from))) && area->start < address(to))
        area_remove(&space, area);
    return 0;
}

static void check_against_model(void)
{
    unsigned count = 0, page = 0;
    for (const struct area *area = area_find(&space, 0); area; area = area_next(area), count++) {
        assert_true(area->start < area->end);
        assert_true(area->start >= address(page));
        for (; address(page) < area->start; page++)
            assert_int_equal(kind[page], 0);
        for (; page < PAGES && address(page) < area->end; page++) {
            assert_int_equal(kind[page], 1 + area->prot);
            assert_int_equal(from_file[page], area->file != NULL);
            if (area->file)
                assert_ptr_equal(area->file + (address(page) - area->start),
                                 file + file_page[page] * PAGE_SIZE);
        }
        const struct area *next = area_next(area);
        assert_false(next && next->start == area->end && next->prot == area->prot && !area->file &&
                     !next->file);
    }
    for (; page < PAGES; page++)
        assert_int_equal(kind[page], 0);
    assert_int_equal(count, space.area_count);
}

static void check_questions(unsigned from, unsigned to)
{
    bool is_free = true;
    unsigned covered = from;
    for (unsigned i = from; i < to; i++)
        is_free &= !kind[i];
    while (covered < to && kind[covered])
        covered++;
    assert_int_equal(area_is_free(&space, address(from), (to - from) * PAGE_SIZE), is_free);
    assert_int_equal(area_covered_to(&space, address(from), address(to), PAGES), address(covered));

    uint64_t highest = 0;
    for (unsigned start = 0; start + (to - from) <= PAGES; start++) {
        bool fits = true;
        for (unsigned i = start; i < start + (to - from); i++)
            fits &= !kind[i];
        if (fits)
            highest = address(start);
    }
    assert_int_equal(area_find_free(&space, (to - from) * PAGE_SIZE), highest);
}

static void change(unsigned from, unsigned to)
{
    unsigned what = (unsigned)random_below(4);
    uint32_t prot = (uint32_t)random_below(3);
    if (what == 3) { /* protect what is mapped without a hole from the start on */
        uint64_t end = area_covered_to(&space, address(from), address(to), PAGES);
        assert_int_equal(area_split(&space, address(from)), 0);
        assert_int_equal(area_split(&space, end), 0);
        for (struct area *a = area_find(&space, address(from)); a && a->start < end;
             a = area_next(a))
            a->prot = prot;
        for (unsigned i = from; address(i) < end; i++)
            kind[i] = 1 + (int)prot;
    } else {
        struct area model = {.start = address(from), .end = address(to), .prot = prot};
        if (what == 2) {
            model.file = file + from * PAGE_SIZE;
            model.file_size = (to - from) * PAGE_SIZE;
        }
        assert_int_equal(empty(from, to), 0);
        if (what)
            assert_int_equal((random_below(2) ? area_insert : area_add)(&space, &model), 0);
        for (unsigned i = from; i < to; i++) {
            kind[i] = what ? 1 + (int)prot : 0;
            from_file[i] = what == 2;
            file_page[i] = i;
        }
    }
    area_merge(&space, address(from), address(to));
}

/* Cutting an area short from either end, and letting it grow where it is free. */
static void move_a_border(unsigned page)
{
    struct area *area = area_find(&space, address(page));
    if (!area || area->file || area->start > address(page))
        return;
    unsigned first = (unsigned)((area->start - BASE) / PAGE_SIZE);
    unsigned end = (unsigned)((area->end - BASE) / PAGE_SIZE);
    unsigned from = first, to = end;
    if (random_below(2)) {
        from = page;
        area_set_start(&space, area, address(from));
    } else {
        for (to = page + 1; to < PAGES && (to < end || !kind[to]) && random_below(4); to++)
            ;
        area_set_end(&space, area, address(to));
    }
    for (unsigned i = first; i < (end > to ? end : to); i++)
        kind[i] = i >= from && i < to ? 1 + (int)area->prot : 0;
    area_merge(&space, address(first), address(end > to ? end : to));
}

static void test_random_changes_leave_tree_and_model_alike(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 20000; n++) {
        unsigned from = (unsigned)random_below(PAGES);
        unsigned to = from + 1 + (unsigned)random_below(PAGES - from);
        change(from, to);
        move_a_border(from);
        check_against_model();
        check_questions(from, to);
    }
}

static void test_a_split_without_memory_changes_nothing(void **state)
{
    (void)state;
    const struct area model = {.start = address(4), .end = address(8), .prot = 1};
    assert_int_equal(area_insert(&space, &model), 0);
    allocations_left = 0;
    assert_true(area_split(&space, address(6)) < 0);
    assert_true(area_insert(&space, &model) < 0);
    assert_int_equal(space.area_count, 1);
    assert_int_equal(area_find(&space, 0)->start, address(4));
    assert_int_equal(area_find(&space, 0)->end, address(8));
}

static void test_the_part_that_is_looked_through_at_once_is_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct area model = {.start = address(i), .end = address(i + 1), .prot = i};
        assert_int_equal(area_insert(&space, &model), 0);
    }
    assert_int_equal(area_covered_to(&space, address(0), address(4), 3), address(3));
    assert_int_equal(area_covered_to(&space, address(3), address(4), 3), address(4));
    assert_int_equal(area_covered_to(&space, address(4), address(5), 3), address(4));
}

static void test_the_number_of_areas_is_bounded(void **state)
{
    (void)state;
    struct area model = {.prot = 1};
    for (unsigned i = 0; i < AREAS_MAX; i++) {
        model.start = BASE + 2 * i * PAGE_SIZE;
        model.end = model.start + PAGE_SIZE;
        assert_int_equal(area_insert(&space, &model), 0);
    }
    model.start += 2 * PAGE_SIZE;
    model.end += 2 * PAGE_SIZE;
    assert_true(area_insert(&space, &model) < 0);
    assert_int_equal(area_covered_to(&space, BASE, BASE + PAGE_SIZE, 1), BASE + PAGE_SIZE);
    area_set_end(&space, area_find(&space, BASE), BASE + 2 * PAGE_SIZE);
    assert_true(area_split(&space, BASE + PAGE_SIZE) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_random_changes_leave_tree_and_model_alike, reset),
        cmocka_unit_test_setup(test_a_split_without_memory_changes_nothing, reset),
        cmocka_unit_test_setup(test_the_part_that_is_looked_through_at_once_is_bounded, reset),
        cmocka_unit_test_setup(test_the_number_of_areas_is_bounded, reset),
    };
    int failed = cmocka_run_group_tests(tests, seed_random, NULL);
    reset(NULL);
    return failed;
}
