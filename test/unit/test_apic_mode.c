// sources: src/cpu/apic_mode.c
/* Which mode the local APICs run in: every combination of what the choice depends on. */
#include "stubs.h"
#include <string.h>

#include "cpu/apic.h"

static const char *why;

static bool x2(enum apic_mode wanted, bool available, bool now, uint32_t highest_id)
{
    const struct apic_facts facts = {wanted, available, now, highest_id};
    why = NULL;
    return apic_choose_x2(&facts, &why);
}

static void test_firmware_that_left_x2apic_on_decides(void **state)
{
    (void)state;
    for (enum apic_mode wanted = APIC_MODE_AUTO; wanted <= APIC_MODE_X2APIC; wanted++)
        for (uint32_t id = 254; id <= 255; id++) {
            assert_true(x2(wanted, true, true, id));
            assert_non_null(strstr(why, "the firmware left"));
            assert_int_equal(wanted == APIC_MODE_XAPIC, strstr(why, "apic=xapic") != NULL);
        }
}

static void test_without_need_it_stays_in_xapic_mode(void **state)
{
    (void)state;
    assert_false(x2(APIC_MODE_AUTO, true, false, XAPIC_ID_MAX));
    assert_string_equal(why, "nothing asks for x2APIC");
    assert_false(x2(APIC_MODE_AUTO, false, false, 0));
    assert_string_equal(why, "nothing asks for x2APIC");
}

static void test_id_above_254_needs_x2apic(void **state)
{
    (void)state;
    assert_true(x2(APIC_MODE_AUTO, true, false, XAPIC_ID_MAX + 1));
    assert_string_equal(why, "an APIC id above 254 needs it");
    assert_false(x2(APIC_MODE_AUTO, false, false, XAPIC_ID_MAX + 1));
    assert_non_null(strstr(why, "but the CPU has none"));
}

static void test_who_asks_gets_x2apic_where_the_cpu_has_it(void **state)
{
    (void)state;
    for (uint32_t id = 254; id <= 255; id++) {
        assert_true(x2(APIC_MODE_X2APIC, true, false, id));
        assert_string_equal(why, "apic=x2apic");
        assert_false(x2(APIC_MODE_X2APIC, false, false, id));
        assert_string_equal(why, "apic=x2apic, but the CPU has no x2APIC");
    }
}

static void test_who_refuses_gets_xapic_even_with_ids_that_it_cannot_reach(void **state)
{
    (void)state;
    for (uint32_t id = 254; id <= 255; id++) {
        assert_false(x2(APIC_MODE_XAPIC, true, false, id));
        assert_string_equal(why, "apic=xapic");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_firmware_that_left_x2apic_on_decides),
        cmocka_unit_test(test_without_need_it_stays_in_xapic_mode),
        cmocka_unit_test(test_id_above_254_needs_x2apic),
        cmocka_unit_test(test_who_asks_gets_x2apic_where_the_cpu_has_it),
        cmocka_unit_test(test_who_refuses_gets_xapic_even_with_ids_that_it_cannot_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
