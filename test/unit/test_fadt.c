// sources: src/smp/fadt.c
/* What the FADT says is missing, its sleep register, and the HPET's table. */
#include "smp/fadt.h"

#include <errno.h>

#include "bytes.h"

static struct bytes in;
static struct parse_error error;
static struct acpi_fadt fadt;

static void put_fadt(uint8_t revision, uint16_t boot_arch, uint32_t flags)
{
    in.size = 0;
    put(&in, "FACP", 4);
    put_zeros(&in, 264);
    set_int(&in, 8, 1, revision);
    set_int(&in, 109, 2, boot_arch);
    set_int(&in, 112, 4, flags);
    set_int(&in, 244, 1, ACPI_SPACE_MEMORY);
    set_int(&in, 245, 1, 8);
    set_int(&in, 248, 8, 0xfed80888);
}

static void parse_fadt(void)
{
    assert_int_equal(acpi_parse_fadt(guarded(in.data, in.size), in.size, &fadt, &error), 0);
}

static void test_device_is_missing_only_by_a_table_whose_revision_can_say_so(void **state)
{
    (void)state;
    for (uint8_t revision = 1; revision <= 6; revision++) {
        put_fadt(revision, 0, 0);
        parse_fadt();
        assert_int_equal(fadt.no_8042, revision >= 3);
        assert_false(fadt.no_vga || fadt.no_rtc);
        put_fadt(revision, 1 << 1 | 1 << 2 | 1 << 5, 0);
        parse_fadt();
        assert_false(fadt.no_8042);
        assert_int_equal(fadt.no_vga, revision >= 4);
        assert_int_equal(fadt.no_rtc, revision >= 5);
    }
}

static void test_each_flag_is_its_own(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        put_fadt(6, (uint16_t)(1 << bit), 0);
        parse_fadt();
        assert_int_equal(fadt.no_8042, bit != 1);
        assert_int_equal(fadt.no_vga, bit == 2);
        assert_int_equal(fadt.no_rtc, bit == 5);
    }
}

static void test_sleep_register_is_a_hardware_reduced_machines(void **state)
{
    (void)state;
    put_fadt(5, 0, 1U << 20);
    parse_fadt();
    assert_true(fadt.hardware_reduced);
    assert_int_equal(fadt.sleep_control.address, 0xfed80888);
    assert_int_equal(fadt.sleep_control.space, ACPI_SPACE_MEMORY);
    put_fadt(4, 0, 1U << 20); /* reserved then */
    parse_fadt();
    assert_false(fadt.hardware_reduced);
    assert_int_equal(fadt.sleep_control.address, 0);
    put_fadt(5, 0, 1U << 20);
    in.size = 255;
    parse_fadt();
    assert_int_equal(fadt.sleep_control.address, 0);
    put_fadt(5, 0, 0);
    parse_fadt();
    assert_int_equal(fadt.sleep_control.address, 0);
}

static uint64_t address;

static int parse_hpet(void)
{
    address = 99;
    return acpi_parse_hpet(guarded(in.data, in.size), in.size, &address, &error);
}

static void put_hpet(uint8_t space, uint64_t at)
{
    in.size = 0;
    put(&in, "HPET", 4);
    put_zeros(&in, 52);
    set_int(&in, 40, 1, space);
    set_int(&in, 44, 8, at);
}

static void test_hpet_gives_its_address(void **state)
{
    (void)state;
    put_hpet(ACPI_SPACE_MEMORY, 0xfed00000);
    assert_int_equal(parse_hpet(), 0);
    assert_int_equal(address, 0xfed00000);
    put_hpet(ACPI_SPACE_MEMORY, 0xfed00000fed00000);
    put_zeros(&in, 10);
    assert_int_equal(parse_hpet(), 0);
    assert_int_equal(address, 0xfed00000fed00000);
}

static void test_malformed_hpet_is_refused(void **state)
{
    (void)state;
    put_hpet(ACPI_SPACE_IO, 0xfed00000);
    assert_refused(parse_hpet(), -EINVAL, 40, "registers not in memory");
    put_hpet(ACPI_SPACE_MEMORY, 0);
    assert_refused(parse_hpet(), -EINVAL, 44, "impossible address of the registers");
    put_hpet(ACPI_SPACE_MEMORY, 0xfed00004);
    assert_refused(parse_hpet(), -EINVAL, 44, "impossible address of the registers");
    put_hpet(ACPI_SPACE_MEMORY, 0xfed00000);
    for (in.size = 0; in.size < 56; in.size++)
        assert_refused(parse_hpet(), -EINVAL, in.size, "HPET table too short");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device_is_missing_only_by_a_table_whose_revision_can_say_so),
        cmocka_unit_test(test_each_flag_is_its_own),
        cmocka_unit_test(test_sleep_register_is_a_hardware_reduced_machines),
        cmocka_unit_test(test_hpet_gives_its_address),
        cmocka_unit_test(test_malformed_hpet_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
