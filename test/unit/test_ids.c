// sources: src/task/ids.c src/lib/tree.c test/unit/stubs.c
/* Ids: none is handed out twice, all are below the limit, and they begin again at the end. */
#include "stubs.h"
#include "task/ids.h"
#include <errno.h>
#include <stdlib.h>

static struct task_id first, *many;

static void test_numbers_rise_and_are_found(void **state)
{
    struct task_id second = {0}, third = {0};
    (void)state;
    assert_true(ids_empty());
    assert_int_equal(ids_take(&first), 0);
    assert_int_equal(ids_take(&second), 0);
    assert_int_equal(first.number, 1);
    assert_int_equal(second.number, 2);
    assert_ptr_equal(ids_find(2), &second);
    assert_null(ids_find(3));
    assert_null(ids_find(-1));
    assert_ptr_equal(ids_above(0), &first);
    assert_ptr_equal(ids_above(1), &second);
    assert_ptr_equal(ids_next(&first), &second);
    assert_null(ids_above(2));
    ids_give_back(&second);
    assert_null(ids_find(2));
    assert_int_equal(ids_take(&third), 0);
    assert_int_equal(third.number, 3); /* one that has just become free is not used again at once */
    ids_give_back(&third);
}

/* On from the test before: 1 is in use, 4 comes next. */
static void test_numbers_begin_again_and_pass_over_used_ones(void **state)
{
    struct task_id last = {0}, id = {0};
    (void)state;
    for (int number = 4; number < ID_MAX - 1; number++) {
        assert_int_equal(ids_take(&id), 0);
        assert_int_equal(id.number, number);
        ids_give_back(&id);
    }
    assert_int_equal(ids_take(&last), 0);
    assert_int_equal(last.number, ID_MAX - 1);
    assert_int_equal(ids_take(&id), 0);
    assert_int_equal(id.number, 2);
    ids_give_back(&id);
    ids_give_back(&last);
}

/* 3 comes next. All but one number are taken; the one is found, and then none, in searches that end. */
static void test_when_no_number_is_free(void **state)
{
    struct task_id id = {0};
    int searches = 0;
    (void)state;
    many = calloc(ID_MAX, sizeof(*many));
    for (int i = 0; i < ID_MAX - 2; i++)
        assert_int_equal(ids_take(&many[i]), 0);
    assert_null(ids_find(0));
    for (int number = 1; number < ID_MAX; number += 997)
        assert_int_equal(ids_find(number)->number, number);
    assert_int_equal(ids_take(&id), -EAGAIN);
    ids_give_back(&many[1000]);
    while (ids_take(&id) == -EAGAIN)
        searches++;
    assert_int_equal(id.number, many[1000].number);
    assert_in_range(searches, 1, 300);
    assert_int_equal(ids_take(&many[1000]), -EAGAIN);
    ids_give_back(&id);
    for (int i = 0; i < ID_MAX - 2; i++)
        if (i != 1000)
            ids_give_back(&many[i]);
    ids_give_back(&first);
    assert_true(ids_empty());
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_rise_and_are_found),
        cmocka_unit_test(test_numbers_begin_again_and_pass_over_used_ones),
        cmocka_unit_test(test_when_no_number_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
