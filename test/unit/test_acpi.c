// sources: src/smp/acpi.c src/smp/fadt.c
/* ACPI root pointer, table headers, root tables, FADT, and the search for \_S5. */
#include "smp/fadt.h"

#include <errno.h>

#include "bytes.h"

static struct bytes in;
static struct parse_error error;
static struct acpi_root root;
static struct acpi_fadt fadt;

static void put_rsdp(uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
    in.size = 0;
    put(&in, "RSD PTR ", 8);
    put_int(&in, 1, 0);
    put(&in, "SALLYP", 6);
    put_int(&in, 1, revision);
    put_int(&in, 4, rsdt);
    if (revision >= 2) {
        put_int(&in, 4, 36);
        put_int(&in, 8, xsdt);
        put_int(&in, 4, 0);
    }
    set_checksum(&in, 20, 8);
    if (revision >= 2)
        set_checksum(&in, 36, 32);
}

static int check_rsdp(void)
{
    return acpi_check_rsdp(guarded(in.data, in.size), in.size, &root, &error);
}

static void begin_table(const char *signature)
{
    in.size = 0;
    put(&in, signature, 4);
    put_zeros(&in, ACPI_HEADER_SIZE - 4);
}

static void end_table(void)
{
    set_int(&in, 4, 4, in.size);
    set_checksum(&in, in.size, 9);
}

static int check_table(const char *signature)
{
    return acpi_check_table(guarded(in.data, in.size), in.size, signature, &error);
}

static void test_old_root_pointer_leads_to_the_rsdt(void **state)
{
    (void)state;
    put_rsdp(0, 0x7ffe1234, 0);
    assert_int_equal(check_rsdp(), 0);
    assert_int_equal(root.rsdt, 0x7ffe1234);
    assert_int_equal(root.xsdt, 0);
    assert_int_equal(root.revision, 0);
}

static void test_new_root_pointer_leads_to_the_xsdt(void **state)
{
    (void)state;
    put_rsdp(2, 0x7ffe1234, 0x123456789a);
    assert_int_equal(check_rsdp(), 0);
    assert_int_equal(root.xsdt, 0x123456789a);
    assert_int_equal(root.rsdt, 0x7ffe1234);
    assert_int_equal(root.revision, 2);
}

static void test_new_root_pointer_without_an_xsdt_leads_to_the_rsdt(void **state)
{
    (void)state;
    put_rsdp(2, 0x7ffe1234, 0);
    assert_int_equal(check_rsdp(), 0);
    assert_int_equal(root.rsdt, 0x7ffe1234);
    assert_int_equal(root.xsdt, 0);
}

static void test_new_root_pointer_cut_to_the_old_size_leads_to_the_rsdt(void **state)
{
    (void)state;
    put_rsdp(2, 0x7ffe1234, 0x123456789a);
    for (in.size = 20; in.size < 36; in.size++) {
        assert_int_equal(check_rsdp(), 0);
        assert_int_equal(root.rsdt, 0x7ffe1234);
        assert_int_equal(root.xsdt, 0);
    }
}

static void test_root_pointer_with_a_bad_end_still_leads_to_the_rsdt(void **state)
{
    (void)state;
    put_rsdp(2, 0x7ffe1234, 0x123456789a);
    in.data[24] ^= 1;
    assert_refused(check_rsdp(), -EINVAL, 32, "wrong extended checksum of the root pointer");
    assert_int_equal(root.rsdt, 0x7ffe1234);
    assert_int_equal(root.xsdt, 0);
    put_rsdp(2, 0x7ffe1234, 0x123456789a);
    set_int(&in, 20, 4, 35);
    assert_refused(check_rsdp(), -EINVAL, 20, "length of the root pointer out of range");
    assert_int_equal(root.rsdt, 0x7ffe1234);
    put_rsdp(2, 0x7ffe1234, 0x123456789a);
    in.data[16] ^= 1;
    assert_refused(check_rsdp(), -EINVAL, 8, "wrong checksum of the root pointer");
    assert_int_equal(root.rsdt, 0);
}

static void test_malformed_root_pointer_is_refused(void **state)
{
    (void)state;
    put_rsdp(0, 1, 0);
    for (in.size = 0; in.size < 20; in.size++)
        assert_refused(check_rsdp(), -EINVAL, 0, "root pointer too short");
    put_rsdp(0, 1, 0);
    in.data[7] = 'X';
    set_checksum(&in, 20, 8);
    assert_refused(check_rsdp(), -EINVAL, 0, "no root pointer signature");
    for (size_t at = 8; at < 20; at++) {
        put_rsdp(0, 1, 0);
        in.data[at] ^= 0x40;
        assert_refused(check_rsdp(), -EINVAL, 8, "wrong checksum of the root pointer");
    }
    for (size_t at = 24; at < 36; at++) {
        put_rsdp(2, 1, 2);
        in.data[at] ^= 0x40;
        assert_refused(check_rsdp(), -EINVAL, 32, "wrong extended checksum of the root pointer");
    }
    static const uint32_t lengths[] = {0, 20, 35, 37, UINT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        put_rsdp(2, 1, 2);
        set_int(&in, 20, 4, lengths[i]);
        assert_refused(check_rsdp(), -EINVAL, 20, "length of the root pointer out of range");
    }
    put_rsdp(0, 0, 0);
    assert_refused(check_rsdp(), -EINVAL, 16, "root pointer to no table");
    put_rsdp(2, 0, 0);
    assert_refused(check_rsdp(), -EINVAL, 16, "root pointer to no table");
}

static void test_table_is_checked_for_signature_length_and_checksum(void **state)
{
    (void)state;
    begin_table("TEST");
    put(&in, "payload", 7);
    end_table();
    assert_int_equal(check_table("TEST"), 0);
    assert_int_equal(check_table(NULL), 0);
    assert_refused(check_table("APIC"), -ENOENT, 0, "another table's signature");
    for (size_t at = 0; at < in.size; at++) {
        if (at >= 4 && at < 8)
            continue;
        in.data[at] ^= 1;
        assert_refused(check_table(NULL), -EINVAL, 9, "wrong checksum of the table");
        in.data[at] ^= 1;
    }
    in.data[9] ^= 1; /* another table's checksum does not matter */
    assert_refused(check_table("APIC"), -ENOENT, 0, "another table's signature");
}

static void test_table_length_out_of_range_is_refused(void **state)
{
    (void)state;
    for (size_t available = 0; available < ACPI_HEADER_SIZE; available++) {
        begin_table("TEST");
        in.size = available;
        assert_refused(check_table("TEST"), -EINVAL, 0, "no room for a table header");
    }
    static const uint32_t lengths[] = {0, 8, 35, 37, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        begin_table("TEST");
        set_int(&in, 4, 4, lengths[i]);
        assert_refused(check_table("TEST"), -EINVAL, 4, "table length out of range");
    }
    begin_table("TEST");
    end_table();
    put(&in, "what follows in memory is not the table's", 41);
    assert_int_equal(check_table("TEST"), 0);
    assert_int_equal(acpi_table_length(in.data), 36);
}

static void test_xsdt_entries_are_64_bit_and_rsdt_entries_32_bit(void **state)
{
    (void)state;
    begin_table("XSDT");
    put_int(&in, 8, 0x123456789abc);
    put_int(&in, 8, 0x2000);
    put_int(&in, 4, 0); /* half an entry counts as none */
    end_table();
    const uint8_t *table = guarded(in.data, in.size);
    assert_int_equal(acpi_root_count(table), 2);
    assert_int_equal(acpi_root_entry(table, 0), 0x123456789abc);
    assert_int_equal(acpi_root_entry(table, 1), 0x2000);

    begin_table("RSDT");
    put_int(&in, 4, 0xfffffffc);
    put_int(&in, 4, 0x2000);
    put_int(&in, 4, 0x3000);
    end_table();
    table = guarded(in.data, in.size);
    assert_int_equal(acpi_root_count(table), 3);
    assert_int_equal(acpi_root_entry(table, 0), 0xfffffffc);
    assert_int_equal(acpi_root_entry(table, 2), 0x3000);

    begin_table("XSDT");
    end_table();
    assert_int_equal(acpi_root_count(guarded(in.data, in.size)), 0);
}

static void put_register(size_t at, uint8_t space, uint8_t width, uint64_t address)
{
    set_int(&in, at, 1, space);
    set_int(&in, at + 1, 1, width);
    set_int(&in, at + 2, 1, 3);
    set_int(&in, at + 3, 1, 2);
    set_int(&in, at + 4, 8, address);
}

/* A table of the latest revision, with the figures of a PC. */
static void put_fadt(uint32_t flags)
{
    begin_table("FACP");
    put_zeros(&in, 276 - in.size);
    set_int(&in, 40, 4, 0x7ffe0040);
    set_int(&in, 46, 2, 9);
    set_int(&in, 48, 4, 0xb2);
    set_int(&in, 52, 1, 2);
    set_int(&in, 53, 1, 3);
    set_int(&in, 64, 4, 0x604);
    set_int(&in, 68, 4, 0x704);
    set_int(&in, 76, 4, 0x608);
    set_int(&in, 89, 1, 2);
    set_int(&in, 91, 1, 4);
    set_int(&in, 112, 4, flags);
    put_register(116, ACPI_SPACE_IO, 8, 0xcf9);
    set_int(&in, 128, 1, 0x0f);
}

static int parse_fadt(void)
{
    return acpi_parse_fadt(guarded(in.data, in.size), in.size, &fadt, &error);
}

static void assert_register(struct acpi_register r, uint8_t space, uint64_t address)
{
    assert_int_equal(r.space, space);
    assert_int_equal(r.address, address);
}

static void test_fadt_gives_the_32_bit_fields_where_the_others_are_zero(void **state)
{
    (void)state;
    put_fadt(1U << 8 | 1U << 10);
    assert_int_equal(parse_fadt(), 0);
    assert_int_equal(fadt.dsdt, 0x7ffe0040);
    assert_int_equal(fadt.smi_command, 0xb2);
    assert_int_equal(fadt.acpi_enable, 2);
    assert_register(fadt.pm1a_control, ACPI_SPACE_IO, 0x604);
    assert_register(fadt.pm1b_control, ACPI_SPACE_IO, 0x704);
    assert_register(fadt.pm_timer, ACPI_SPACE_IO, 0x608);
    assert_false(fadt.hardware_reduced);
    assert_register(fadt.reset, ACPI_SPACE_IO, 0xcf9);
    assert_int_equal(fadt.reset_value, 0x0f);
}

static void test_fadt_gives_the_64_bit_fields_where_there_are_any(void **state)
{
    (void)state;
    put_fadt(0);
    set_int(&in, 140, 8, 0x123456789a);
    put_register(172, ACPI_SPACE_MEMORY, 16, 0xfed80804);
    put_register(184, ACPI_SPACE_MEMORY, 16, 0xfed80904);
    put_register(208, ACPI_SPACE_MEMORY, 32, 0xfed80808);
    assert_int_equal(parse_fadt(), 0);
    assert_int_equal(fadt.dsdt, 0x123456789a);
    assert_register(fadt.pm1a_control, ACPI_SPACE_MEMORY, 0xfed80804);
    assert_register(fadt.pm1b_control, ACPI_SPACE_MEMORY, 0xfed80904);
    assert_register(fadt.pm_timer, ACPI_SPACE_MEMORY, 0xfed80808);
    assert_int_equal(fadt.reset.address, 0); /* its flag is not set */
}

static void test_short_fadt_has_no_later_fields(void **state)
{
    (void)state;
    for (size_t size = 0; size < 276; size++) {
        put_fadt(1U << 10);
        set_int(&in, 140, 8, 0x123456789a);
        put_register(172, ACPI_SPACE_MEMORY, 16, 0xfed80804);
        put_register(208, ACPI_SPACE_MEMORY, 32, 0xfed80808);
        in.size = size;
        if (size < 116) {
            assert_refused(parse_fadt(), -EINVAL, size, "FADT too short");
            continue;
        }
        assert_int_equal(parse_fadt(), 0);
        assert_int_equal(fadt.dsdt, size < 148 ? 0x7ffe0040 : 0x123456789a);
        assert_int_equal(fadt.pm1a_control.address, size < 184 ? 0x604 : 0xfed80804);
        assert_int_equal(fadt.pm_timer.address, size < 220 ? 0x608 : 0xfed80808);
        assert_int_equal(fadt.reset.address, size < 129 ? 0 : 0xcf9);
    }
}

static void test_hardware_reduced_machine_has_no_pm_registers(void **state)
{
    (void)state;
    put_fadt(1U << 20 | 1U << 10);
    set_int(&in, 8, 1, 5);
    assert_int_equal(parse_fadt(), 0);
    assert_true(fadt.hardware_reduced);
    assert_int_equal(fadt.pm1a_control.address, 0);
    assert_int_equal(fadt.pm1b_control.address, 0);
    assert_int_equal(fadt.pm_timer.address, 0);
    assert_int_equal(fadt.reset.address, 0xcf9);
}

static uint8_t type_a;
static uint8_t type_b;

static int parse_s5(void)
{
    type_a = type_b = 99;
    return acpi_parse_s5(guarded(in.data, in.size), in.size, &type_a, &type_b);
}

#define put_dsdt(aml)                                                                              \
    do {                                                                                           \
        begin_table("DSDT");                                                                       \
        put(&in, aml, sizeof(aml) - 1);                                                            \
        end_table();                                                                               \
    } while (0)

#define assert_s5(aml, a, b)                                                                       \
    do {                                                                                           \
        put_dsdt(aml);                                                                             \
        assert_int_equal(parse_s5(), 0);                                                           \
        assert_int_equal(type_a, a);                                                               \
        assert_int_equal(type_b, b);                                                               \
    } while (0)

#define assert_no_s5(aml)                                                                          \
    do {                                                                                           \
        put_dsdt(aml);                                                                             \
        assert_int_equal(parse_s5(), -ENOENT);                                                     \
    } while (0)

static void test_s5_is_found_in_every_encoding_of_its_integers(void **state)
{
    (void)state;
    assert_s5("\x08_S5_\x12\x06\x04\0\0\0\0", 0, 0);     /* as QEMU writes it */
    assert_s5("\x08\\_S5_\x12\x06\x02\x01\0\0\0", 1, 0); /* from the root, more room than used */
    assert_s5("\x08_S5_\x12\x06\x02\x0a\x05\x0a\x07", 5, 7);     /* bytes */
    assert_s5("\x08_S5_\x12\x08\x02\x0b\x05\0\x0b\x06\0", 5, 6); /* words */
    assert_s5("\x08_S5_\x12\x06\x02\x0a\x07\x0a\0", 7, 0);
    assert_s5("\x08_S5_\x12\x0c\x02\x0c\x05\0\0\0\x0c\x07\0\0\0", 5, 7);
    assert_s5("\x08_S5_\x12\x46\x00\x02\x0a\x05\x01", 5, 1);         /* length in two bytes */
    assert_s5("\x08_S5_\x12\x87\x00\x00\x02\x0a\x05\x01", 5, 1);     /* three */
    assert_s5("\x08_S5_\x12\xc8\x00\x00\x00\x02\x0a\x05\x01", 5, 1); /* four */
}

static void test_s5_package_may_be_long_but_not_longer_than_the_table(void **state)
{
    (void)state;
    static const uint16_t lengths[] = {0x2a, 0x9ab, 0x9abc};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t following = i < 2 ? 1 : 2; following <= 3; following++) {
            begin_table("DSDT");
            put(&in, "\x08_S5_\x12", 6);
            size_t package = put_int(&in, 1, following << 6 | (lengths[i] & 15));
            put_int(&in, following, lengths[i] >> 4);
            put(&in, "\2\0\1", 3);
            put_zeros(&in, package + lengths[i] - in.size);
            assert_int_equal(parse_s5(), 0);
            assert_int_equal(type_b, 1);
            in.size--;
            assert_int_equal(parse_s5(), -ENOENT);
        }
    }
}

static void test_s5_is_found_behind_what_only_resembles_it(void **state)
{
    (void)state;
    assert_s5("_S5_ \x08_S5_\x08_S4_\x12\x06\x04\x07\x07\0\0\x08_S5_\x12\x06\x04\x05\x04\0\0"
              "\x08_S5_\x12\x0a\x04\x0a\x05\x0a\x04\0\0\0\0\0",
              5, 4);
}

static void test_malformed_s5_is_not_found(void **state)
{
    (void)state;
    assert_no_s5("");
    assert_no_s5("\x08_S4_\x12\x06\x04\0\0\0\0");
    assert_no_s5("x_S5_\x12\x06\x04\0\0\0\0");                /* not a name definition */
    assert_no_s5("\x08_S5_\x0a\x06\x04\0\0\0\0");             /* not a package */
    assert_no_s5("\x08_S5_\x12\x08\x04\0\0\0\0");             /* past the end of the table */
    assert_no_s5("\x08_S5_\x12\xc8\xff\xff\xff\x02\0\0\0\0"); /* far past it */
    assert_no_s5("\x08_S5_\x12\x05\x01\0\0\0");               /* one element */
    assert_no_s5("\x08_S5_\x12\x03\x02\0\0\0");               /* the second outside the package */
    assert_no_s5("\x08_S5_\x12\x05\x02\0\x0b\x07\0");         /* half of it outside */
    assert_no_s5("\x08_S5_\x12\x01");                 /* empty, and the last thing in the table */
    assert_no_s5("\x08_S5_\x12\x00\x02\0\0\0");       /* shorter than its own length */
    assert_no_s5("\x08_S5_\x12\x06\x02\x0a\x08\0\0"); /* SLP_TYP has three bits */
    assert_no_s5("\x08_S5_\x12\x06\x02\0\x0a\x08\0");
    assert_no_s5("\x08_S5_\x12\x06\x02\0\x0b\x07\x01"); /* 0x107 is not 7 */
    assert_no_s5("\x08_S5_\x12\x06\x02\xff\0\0\0");     /* Ones */
}

static void test_s5_cut_anywhere_is_not_found_and_nothing_behind_it_is_read(void **state)
{
    (void)state;
    static const char aml[] = "\x08\\_S5_\x12\xcb\x00\x00\x00\x02\x0b\x05\0\x0b\x06\0";
    put_dsdt(aml);
    size_t whole = in.size;
    assert_int_equal(parse_s5(), 0);
    assert_int_equal(type_b, 6);
    for (in.size = 0; in.size < whole; in.size++)
        assert_int_equal(parse_s5(), -ENOENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_root_pointer_leads_to_the_rsdt),
        cmocka_unit_test(test_new_root_pointer_leads_to_the_xsdt),
        cmocka_unit_test(test_new_root_pointer_without_an_xsdt_leads_to_the_rsdt),
        cmocka_unit_test(test_new_root_pointer_cut_to_the_old_size_leads_to_the_rsdt),
        cmocka_unit_test(test_root_pointer_with_a_bad_end_still_leads_to_the_rsdt),
        cmocka_unit_test(test_malformed_root_pointer_is_refused),
        cmocka_unit_test(test_table_is_checked_for_signature_length_and_checksum),
        cmocka_unit_test(test_table_length_out_of_range_is_refused),
        cmocka_unit_test(test_xsdt_entries_are_64_bit_and_rsdt_entries_32_bit),
        cmocka_unit_test(test_fadt_gives_the_32_bit_fields_where_the_others_are_zero),
        cmocka_unit_test(test_fadt_gives_the_64_bit_fields_where_there_are_any),
        cmocka_unit_test(test_short_fadt_has_no_later_fields),
        cmocka_unit_test(test_hardware_reduced_machine_has_no_pm_registers),
        cmocka_unit_test(test_s5_is_found_in_every_encoding_of_its_integers),
        cmocka_unit_test(test_s5_package_may_be_long_but_not_longer_than_the_table),
        cmocka_unit_test(test_s5_is_found_behind_what_only_resembles_it),
        cmocka_unit_test(test_malformed_s5_is_not_found),
        cmocka_unit_test(test_s5_cut_anywhere_is_not_found_and_nothing_behind_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
