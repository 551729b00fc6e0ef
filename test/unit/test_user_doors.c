// flags: -Iuser
// Which doors a program takes to be open, by what uname says.
#define uname fake_uname
#include "door.h"
#undef uname

#include "bytes.h"

static struct utsname answer;
static int result;

int fake_uname(struct utsname *name)
{
    *name = answer;
    return result;
}

static void says(const char *system, const char *version)
{
    memset(&answer, 0, sizeof(answer));
    snprintf(answer.sysname, sizeof(answer.sysname), "%s", system);
    snprintf(answer.release, sizeof(answer.release), "0.1");
    snprintf(answer.version, sizeof(answer.version), "%s", version);
}

static void expect(bool by_int, bool by_syscall, bool one_table)
{
    struct doors doors = doors_find();
    assert_int_equal(doors.open[DOOR_INT], by_int);
    assert_int_equal(doors.open[DOOR_SYSCALL], by_syscall);
    assert_int_equal(doors.one_table, one_table);
}

static void test_each_build_says_which_doors_are_open(void **state)
{
    (void)state;
    says("Sallyport", "ENTRY=both git 1a2b3c4");
    expect(true, true, true);
    assert_string_equal(doors_find().kernel, "Sallyport ENTRY=both");
    says("Sallyport", "#1 SMP ENTRY=int");
    expect(true, false, true);
    says("Sallyport", "(ENTRY=syscall)");
    expect(false, true, true);
    assert_string_equal(doors_find().kernel, "Sallyport ENTRY=syscall");
}

static void test_no_door_is_tried_that_the_kernel_does_not_name(void **state)
{
    (void)state;
    static const char *const versions[] = {
        "", "ENTRY=", "ENTRY=none", "ENTRY=bot", "ENTRY=both2", "ENTRY=inte", "entry=int", "both"};
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        says("Sallyport", versions[i]);
        expect(false, false, true);
    }
    result = -1;
    says("Sallyport", "ENTRY=both");
    expect(false, false, false);
    result = 0;
}

static void test_linux_has_two_tables_whatever_its_version_says(void **state)
{
    (void)state;
    says("Linux", "ENTRY=both");
    struct doors doors = doors_find();
    assert_true(doors.open[DOOR_SYSCALL]);
    assert_false(doors.one_table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_build_says_which_doors_are_open),
        cmocka_unit_test(test_no_door_is_tried_that_the_kernel_does_not_name),
        cmocka_unit_test(test_linux_has_two_tables_whatever_its_version_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
