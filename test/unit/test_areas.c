// sources: src/mm/areas.c test/unit/stubs.c
/* The list of areas against a model that knows the kind of each page: random mapping, unmapping and
 * protecting must leave both alike, and the list sorted, counted, and without neighbours to join. */
#include "stubs.h"
#include "mm/areas.h"
#include "mm/pool.h"

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
    while (space.areas)
        area_remove(&space, &space.areas);
    assert_int_equal(space.area_count, 0);
    space = (struct space){.map_top = address(PAGES)};
    for (unsigned i = 0; i < PAGES; i++)
        kind[i] = from_file[i] = 0;
    return 0;
}

static int empty(unsigned from, unsigned to)
{
    if (area_split(&space, address(from)) || area_split(&space, address(to)))
        return -1;
    struct area **link = area_find(&space, address(from));
    while (*link && (*link)->start < address(to))
        area_remove(&space, link);
    return 0;
}

static void check_against_model(void)
{
    unsigned count = 0, page = 0;
    for (const struct area *area = space.areas; area; area = area->next, count++) {
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
        const struct area *next = area->next;
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
    assert_int_equal(area_covered_to(&space, address(from), address(to)), address(covered));

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
        uint64_t end = area_covered_to(&space, address(from), address(to));
        assert_int_equal(area_split(&space, address(from)), 0);
        assert_int_equal(area_split(&space, end), 0);
        for (struct area *a = *area_find(&space, address(from)); a && a->start < end; a = a->next)
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
            assert_int_equal(area_insert(&space, &model), 0);
        for (unsigned i = from; i < to; i++) {
            kind[i] = what ? 1 + (int)prot : 0;
            from_file[i] = what == 2;
            file_page[i] = i;
        }
    }
    area_merge(&space, address(from), address(to));
}

static void test_random_changes_leave_list_and_model_alike(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 20000; n++) {
        unsigned from = (unsigned)random_below(PAGES);
        unsigned to = from + 1 + (unsigned)random_below(PAGES - from);
        change(from, to);
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
    assert_int_equal(space.areas->start, address(4));
    assert_int_equal(space.areas->end, address(8));
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_random_changes_leave_list_and_model_alike, reset),
        cmocka_unit_test_setup(test_a_split_without_memory_changes_nothing, reset),
        cmocka_unit_test_setup(test_the_number_of_areas_is_bounded, reset),
    };
    int failed = cmocka_run_group_tests(tests, seed_random, NULL);
    reset(NULL);
    return failed;
}
