// sources: src/smp/madt.c
/* The MADT iterator: every entry type, every bad length, any number of processors. */
#include "smp/madt.h"

#include <errno.h>

#include "bytes.h"

static struct bytes in;
static struct madt_entry entry;
static struct madt_info info;
static struct parse_error error;

#define REVISION 5 /* of the table; the bit for online-capable is known since then */

static void begin(uint32_t local_apic, uint32_t flags)
{
    in.size = 0;
    put(&in, "APIC", 4);
    put_int(&in, 4, 0);
    put_int(&in, 1, REVISION);
    put_zeros(&in, 27);
    put_int(&in, 4, local_apic);
    put_int(&in, 4, flags);
}

static size_t put_local_apic(uint8_t uid, uint8_t apic_id, uint32_t flags)
{
    size_t at = put_int(&in, 2, 8 << 8 | 0);
    put_int(&in, 1, uid);
    put_int(&in, 1, apic_id);
    put_int(&in, 4, flags);
    return at;
}

static size_t put_x2apic(uint32_t uid, uint32_t apic_id, uint32_t flags)
{
    size_t at = put_int(&in, 4, 16 << 8 | 9);
    put_int(&in, 4, apic_id);
    put_int(&in, 4, flags);
    put_int(&in, 4, uid);
    return at;
}

static size_t put_entry(uint8_t type, const void *rest, size_t size)
{
    size_t at = put_int(&in, 1, type);
    put_int(&in, 1, size + 2);
    put(&in, rest, size);
    return at;
}

static int first(void)
{
    size_t offset = 0;
    return madt_next(guarded(in.data, in.size), in.size, &offset, &entry, &error);
}

static int parse(void)
{
    return madt_parse(guarded(in.data, in.size), in.size, &info, &error);
}

static void test_table_without_entries_is_accepted(void **state)
{
    (void)state;
    begin(0xfee00000, 1);
    assert_int_equal(first(), 0);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.local_apic_address, 0xfee00000);
    assert_true(info.pcat_compat);
    assert_int_equal(info.cpus, 0);
    assert_int_equal(info.max_apic_id, 0);
    begin(0xfee00000, 0xfffffffe);
    assert_int_equal(parse(), 0);
    assert_false(info.pcat_compat);
}

static void test_table_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    begin(0xfee00000, 1);
    for (in.size = 0; in.size < 44; in.size++) {
        assert_refused(first(), -EINVAL, in.size, "MADT too short");
        assert_refused(parse(), -EINVAL, in.size, "MADT too short");
    }
}

static void test_local_apic_keeps_its_three_numbers_apart(void **state)
{
    (void)state;
    begin(0, 0);
    put_local_apic(7, 0x42, 1);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.type, MADT_LOCAL_APIC);
    assert_int_equal(entry.length, 8);
    assert_int_equal(entry.offset, 44);
    assert_int_equal(entry.cpu.uid, 7);
    assert_int_equal(entry.cpu.apic_id, 0x42);
}

static void test_x2apic_has_32_bit_ids(void **state)
{
    (void)state;
    begin(0, 0);
    put_x2apic(0x01020304, 0xa0b0c0d0, 1);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.type, MADT_LOCAL_X2APIC);
    assert_int_equal(entry.cpu.uid, 0x01020304);
    assert_int_equal(entry.cpu.apic_id, 0xa0b0c0d0);
    assert_true(entry.cpu.enabled);
}

static void test_enabled_and_online_capable_are_separate_flags(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags < 8; flags++) {
        for (int x2apic = 0; x2apic <= 1; x2apic++) {
            begin(0, 0);
            if (x2apic)
                put_x2apic(0, 1, 0xfffffff8 | flags);
            else
                put_local_apic(0, 1, 0xfffffff8 | flags);
            assert_int_equal(first(), 1);
            assert_int_equal(entry.cpu.enabled, flags & 1);
            assert_int_equal(entry.cpu.online_capable, flags >> 1 & 1);
            assert_int_equal(madt_is_startable(&entry), flags & 1);
        }
    }
}

static void test_online_capable_is_no_flag_of_earlier_revisions(void **state)
{
    (void)state;
    for (int revision = 0; revision <= UINT8_MAX; revision++) {
        for (int x2apic = 0; x2apic <= 1; x2apic++) {
            begin(0, 0);
            in.data[8] = (uint8_t)revision;
            x2apic ? put_x2apic(0, 1, 2) : put_local_apic(0, 1, 2);
            assert_int_equal(first(), 1);
            assert_int_equal(entry.cpu.online_capable, revision >= 5);
            assert_false(entry.cpu.enabled);
            assert_int_equal(parse(), 0);
            assert_int_equal(info.online_capable, revision >= 5);
        }
    }
}

static void test_broadcast_ids_are_not_startable(void **state)
{
    (void)state;
    begin(0, 0);
    put_local_apic(0, 0xff, 1);
    assert_int_equal(first(), 1);
    assert_true(entry.cpu.enabled);
    assert_false(madt_is_startable(&entry));
    begin(0, 0);
    put_x2apic(0, 0xffffffff, 1);
    assert_int_equal(first(), 1);
    assert_false(madt_is_startable(&entry));
    begin(0, 0);
    put_x2apic(0, 0xff, 1); /* an ordinary id here */
    assert_int_equal(first(), 1);
    assert_true(madt_is_startable(&entry));
}

static void test_other_entries_are_not_startable(void **state)
{
    (void)state;
    for (int type = 0; type <= UINT8_MAX; type++) {
        begin(0, 0);
        put_entry((uint8_t)type, "\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 14);
        assert_int_equal(first(), 1);
        assert_int_equal(madt_is_startable(&entry), type == 0 || type == 9);
    }
}

static void test_io_apic_is_decoded(void **state)
{
    (void)state;
    begin(0, 0);
    put_entry(1, "\x05\xff\x00\x00\xc0\xfe\x18\x00\x00\x01", 10);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.io_apic.id, 5);
    assert_int_equal(entry.io_apic.address, 0xfec00000);
    assert_int_equal(entry.io_apic.gsi_base, 0x01000018);
}

static void test_interrupt_override_is_decoded(void **state)
{
    (void)state;
    begin(0, 0);
    put_entry(2, "\x01\x09\x14\x00\x00\x02\x0d\x01", 8);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.override.bus, 1);
    assert_int_equal(entry.override.source, 9);
    assert_int_equal(entry.override.gsi, 0x02000014);
    assert_int_equal(entry.override.flags, 0x010d);
}

static void test_nmi_entries_are_decoded(void **state)
{
    (void)state;
    begin(0, 0);
    put_entry(3, "\x05\x01\x17\x00\x00\x02", 6);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.nmi_source.flags, 0x0105);
    assert_int_equal(entry.nmi_source.gsi, 0x02000017);

    begin(0, 0);
    put_entry(4, "\x03\x05\x01\x01", 4);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.local_nmi.uid, 3);
    assert_int_equal(entry.local_nmi.flags, 0x0105);
    assert_int_equal(entry.local_nmi.lint, 1);

    begin(0, 0);
    put_entry(10, "\x05\x01\x04\x03\x02\x01\x01\x00\x00\x00", 10);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.local_nmi.uid, 0x01020304);
    assert_int_equal(entry.local_nmi.flags, 0x0105);
    assert_int_equal(entry.local_nmi.lint, 1);
}

static void test_nmi_for_all_cpus_reads_the_same_in_both_forms(void **state)
{
    (void)state;
    begin(0, 0);
    put_entry(4, "\xff\x00\x00\x01", 4);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.local_nmi.uid, MADT_ALL_CPUS);
    begin(0, 0);
    put_entry(10, "\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00", 10);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.local_nmi.uid, MADT_ALL_CPUS);
}

static void test_address_entry_overrides_the_header(void **state)
{
    (void)state;
    begin(0xfee00000, 0);
    put_local_apic(0, 0, 1);
    put_entry(5, "\0\0\x00\x00\xe0\xfe\x04\x03\x02\x01", 10);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.local_apic_address, 0x01020304fee00000);
}

static void test_wakeup_mailbox_is_noted(void **state)
{
    (void)state;
    begin(0, 0);
    put_entry(16, "\0\0\0\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01", 14);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.type, MADT_WAKEUP);
    assert_int_equal(entry.mailbox, 0x0102030405060708);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.mailbox, 0x0102030405060708);
    assert_int_equal(info.faults, 0);
}

static void test_unknown_entries_are_named_and_skipped(void **state)
{
    (void)state;
    begin(0, 0);
    put_entry(0x7f, "", 0);
    put_entry(16, "a multiprocessor wakeup structure", 33);
    size_t last = put_local_apic(1, 2, 1);
    const uint8_t *table = guarded(in.data, in.size);
    size_t offset = 0;
    assert_int_equal(madt_next(table, in.size, &offset, &entry, &error), 1);
    assert_int_equal(entry.type, 0x7f);
    assert_int_equal(entry.length, 2);
    assert_int_equal(madt_next(table, in.size, &offset, &entry, &error), 1);
    assert_int_equal(entry.type, 16);
    assert_int_equal(entry.length, 35);
    assert_int_equal(madt_next(table, in.size, &offset, &entry, &error), 1);
    assert_int_equal(entry.offset, last);
    assert_int_equal(entry.cpu.apic_id, 2);
    for (int again = 0; again < 2; again++)
        assert_int_equal(madt_next(table, in.size, &offset, &entry, &error), 0);
}

static void test_entry_of_length_zero_is_refused(void **state)
{
    (void)state;
    for (int type = 0; type <= UINT8_MAX; type++) {
        begin(0, 0);
        size_t at = put_local_apic(0, 0, 1);
        in.data[at] = (uint8_t)type;
        in.data[at + 1] = 0;
        assert_refused(first(), -EINVAL, at + 1, "MADT entry of length zero");
    }
}

static void test_entry_too_short_for_its_type_is_refused(void **state)
{
    (void)state;
    static const uint8_t least[] = {8, 12, 10, 8, 6, 12, 2, 2, 2, 16, 12, 2, 2, 2, 2, 2, 16, 2};
    for (size_t type = 0; type < sizeof least; type++) {
        for (uint8_t length = 1; length <= 20; length++) {
            begin(0, 0);
            put_zeros(&in, length);
            in.data[44] = (uint8_t)type;
            if (length == 1) {
                assert_refused(first(), -EINVAL, 44, "MADT ends inside an entry's header");
                put_int(&in, 1, 1);
            }
            in.data[45] = length;
            if (length < least[type])
                assert_refused(first(), -EINVAL, 45, "MADT entry too short for its type");
            else
                assert_int_equal(first(), 1); /* longer than needed is fine */
        }
    }
}

static void test_entry_past_the_end_is_refused_after_those_before_it(void **state)
{
    (void)state;
    for (size_t missing = 1; missing <= 14; missing++) {
        begin(0xfee00000, 0);
        put_local_apic(0, 5, 1);
        size_t at = put_x2apic(1, 6, 1);
        in.size -= missing;
        assert_refused(parse(), -EINVAL, at + 1, "MADT entry past the end of the table");
        assert_int_equal(info.cpus, 1);
        assert_int_equal(info.max_apic_id, 5);
        assert_int_equal(info.local_apic_address, 0xfee00000);
    }
}

static void test_summary_counts_each_kind(void **state)
{
    (void)state;
    begin(0xfee00000, 1);
    put_local_apic(0, 0, 1);
    put_local_apic(1, 0xfe, 1);
    put_local_apic(2, 2, 0);    /* absent for good */
    put_local_apic(3, 3, 2);    /* may come */
    put_local_apic(4, 0xff, 1); /* broadcast */
    put_x2apic(5, 0x1000, 1);
    put_x2apic(6, 0x2000, 2);
    put_x2apic(7, UINT32_MAX, 1); /* broadcast */
    put_entry(1, "\0\0\0\0\0\0\0\0\0\0", 10);
    put_entry(1, "\0\0\0\0\0\0\0\0\0\0", 10);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.faults, 2); /* the broadcasts */
    assert_int_equal(info.cpus, 3);
    assert_int_equal(info.online_capable, 2);
    assert_int_equal(info.io_apics, 2);
    assert_int_equal(info.max_apic_id, 0x1000);
}

static void expect_fault(size_t index, size_t offset, const char *what)
{
    assert_true(index < info.faults && index < MADT_FAULTS_NAMED);
    assert_string_equal(info.fault[index].what, what);
    assert_int_equal(info.fault[index].offset, offset);
}

static void test_processor_listed_twice_is_a_fault_and_counts_once(void **state)
{
    (void)state;
    begin(0, 0);
    put_local_apic(0, 0, 1);
    put_x2apic(1, 300, 1);
    size_t same = put_local_apic(0, 0, 1); /* by the same type */
    size_t wide = put_x2apic(7, 0, 1);     /* by the other */
    size_t again = put_x2apic(8, 300, 1);  /* an id that only the other has */
    put_local_apic(9, 0, 0);               /* disabled: a placeholder may have any id */
    size_t uid = put_local_apic(1, 2, 1);  /* another processor with a UID of before */
    assert_int_equal(parse(), 0);
    assert_int_equal(info.cpus, 3);
    assert_int_equal(info.faults, 4);
    expect_fault(0, same + 3, "an APIC id that was listed before");
    expect_fault(1, wide + 4, "an APIC id that was listed before");
    expect_fault(2, again + 4, "an APIC id that was listed before");
    expect_fault(3, uid + 2, "an ACPI UID that was listed before");
}

static void test_processor_with_the_broadcast_id_is_a_fault(void **state)
{
    (void)state;
    static const char what[] = "a processor with the id that means all of them";
    begin(0, 0);
    size_t first_one = put_local_apic(3, 0xff, 1);
    put_local_apic(3, 0xff, 0); /* as firmware fills up its table */
    put_x2apic(3, UINT32_MAX, 0);
    size_t second = put_x2apic(3, UINT32_MAX, 1);
    put_x2apic(4, 0xff, 1); /* an ordinary id here */
    assert_int_equal(parse(), 0);
    assert_int_equal(info.cpus, 1);
    assert_int_equal(info.max_apic_id, 0xff);
    assert_int_equal(info.faults, 2);
    expect_fault(0, first_one + 3, what);
    expect_fault(1, second + 4, what);
}

static void test_nmi_pin_that_is_not_there_is_a_fault(void **state)
{
    (void)state;
    begin(0, 0);
    put_entry(4, "\xff\0\0\1", 4);
    put_entry(10, "\0\0\xff\xff\xff\xff\0\0\0\0", 10);
    size_t narrow = put_entry(4, "\xff\0\0\2", 4);
    size_t wide = put_entry(10, "\0\0\1\0\0\0\xff\0\0\0", 10);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.faults, 2);
    expect_fault(0, narrow + 5, "an NMI on a pin that no local APIC has");
    expect_fault(1, wide + 8, "an NMI on a pin that no local APIC has");
}

static void test_second_address_is_a_fault_and_does_not_count(void **state)
{
    (void)state;
    begin(1, 0);
    put_entry(5, "\0\0\x00\x00\xe0\xfe\0\0\0\0", 10);
    size_t second = put_entry(5, "\0\0\x00\x00\xd0\xfe\0\0\0\0", 10);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.local_apic_address, 0xfee00000);
    assert_int_equal(info.faults, 1);
    expect_fault(0, second, "one more address of the local APICs");
}

static void test_first_faults_are_named_and_all_are_counted(void **state)
{
    (void)state;
    begin(0, 0);
    size_t last = 0;
    for (int i = 0; i <= 1000; i++) {
        size_t at = put_local_apic((uint8_t)i, 5, 1);
        last = i == MADT_FAULTS_NAMED ? at : last;
    }
    assert_int_equal(parse(), 0);
    assert_int_equal(info.cpus, 1);
    assert_int_equal(info.faults, 1000);
    expect_fault(MADT_FAULTS_NAMED - 1, last + 3, "an APIC id that was listed before");
}

static void test_faults_before_an_error_are_told(void **state)
{
    (void)state;
    begin(0, 0);
    put_local_apic(0, 5, 1);
    size_t twice = put_local_apic(1, 5, 1);
    size_t bad = put_local_apic(2, 5, 1);
    in.data[bad + 1] = 0;
    assert_refused(parse(), -EINVAL, bad + 1, "MADT entry of length zero");
    assert_int_equal(info.faults, 1);
    expect_fault(0, twice + 3, "an APIC id that was listed before");
}

static void test_boot_cpu_may_stand_anywhere_and_ids_may_have_gaps(void **state)
{
    (void)state;
    begin(0, 0);
    put_local_apic(9, 40, 1);
    put_local_apic(0, 254, 1);
    put_local_apic(7, 0, 1);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.cpus, 3);
    assert_int_equal(info.max_apic_id, 254);
    assert_int_equal(info.faults, 0);
}

static void test_there_is_no_fixed_maximum_of_cpus(void **state)
{
    (void)state;
    begin(0, 0);
    uint32_t count = 0;
    while (in.size + 16 <= sizeof in.data)
        put_x2apic(count, 3 * count, 1), count++;
    assert_true(count > 4000);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.cpus, count);
    assert_int_equal(info.max_apic_id, 3 * (count - 1));
    assert_int_equal(info.faults, 0);
}

/* A table as a machine of `cpus` processors has it, 8 bytes and 16 mixed. */
static void put_machine(uint32_t cpus)
{
    begin(0xfee00000, 1);
    for (uint32_t i = 0; i < cpus; i++)
        i % 2 ? put_x2apic(i, i, 1) : put_local_apic((uint8_t)i, (uint8_t)i, 1);
    put_entry(1, "\0\0\0\0\xc0\xfe\0\0\0\0", 10);
    put_entry(2, "\0\0\2\0\0\0\0\0", 8);
    put_entry(4, "\xff\0\0\1", 4);
}

static void test_mutated_tables_end_in_bounds(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    put_machine(8);
    static struct bytes whole;
    whole = in;
    clock_t start = clock();
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        in = (struct bytes){.size = 44 + test_random((uint32_t)whole.size - 43)};
        memcpy(in.data, whole.data, in.size);
        for (uint32_t i = test_random(6); i > 0 && in.size > 44; i--)
            in.data[44 + test_random((uint32_t)in.size - 44)] = (uint8_t)test_random(256);
        const uint8_t *table = guarded(in.data, in.size);
        size_t offset = 0;
        size_t entries = 0;
        int result;
        while ((result = madt_next(table, in.size, &offset, &entry, &error)) == 1) {
            assert_true(entry.offset + entry.length == offset && offset <= in.size);
            assert_true(++entries <= (in.size - 44) / 2);
        }
        if (result) {
            assert_int_equal(result, -EINVAL);
            assert_true(error.offset >= 44 && error.offset < in.size);
            refused++;
        } else {
            assert_int_equal(offset < 44 ? 44 : offset, in.size);
        }
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("%d mutated tables, %d refused, %.0f a second\n", ROUNDS, refused, ROUNDS / seconds);
    assert_true(refused > ROUNDS / 10 && refused < ROUNDS); /* both outcomes are exercised */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_without_entries_is_accepted),
        cmocka_unit_test(test_table_shorter_than_its_header_is_refused),
        cmocka_unit_test(test_local_apic_keeps_its_three_numbers_apart),
        cmocka_unit_test(test_x2apic_has_32_bit_ids),
        cmocka_unit_test(test_enabled_and_online_capable_are_separate_flags),
        cmocka_unit_test(test_online_capable_is_no_flag_of_earlier_revisions),
        cmocka_unit_test(test_broadcast_ids_are_not_startable),
        cmocka_unit_test(test_other_entries_are_not_startable),
        cmocka_unit_test(test_io_apic_is_decoded),
        cmocka_unit_test(test_interrupt_override_is_decoded),
        cmocka_unit_test(test_nmi_entries_are_decoded),
        cmocka_unit_test(test_nmi_for_all_cpus_reads_the_same_in_both_forms),
        cmocka_unit_test(test_address_entry_overrides_the_header),
        cmocka_unit_test(test_wakeup_mailbox_is_noted),
        cmocka_unit_test(test_unknown_entries_are_named_and_skipped),
        cmocka_unit_test(test_entry_of_length_zero_is_refused),
        cmocka_unit_test(test_entry_too_short_for_its_type_is_refused),
        cmocka_unit_test(test_entry_past_the_end_is_refused_after_those_before_it),
        cmocka_unit_test(test_summary_counts_each_kind),
        cmocka_unit_test(test_processor_listed_twice_is_a_fault_and_counts_once),
        cmocka_unit_test(test_processor_with_the_broadcast_id_is_a_fault),
        cmocka_unit_test(test_nmi_pin_that_is_not_there_is_a_fault),
        cmocka_unit_test(test_second_address_is_a_fault_and_does_not_count),
        cmocka_unit_test(test_first_faults_are_named_and_all_are_counted),
        cmocka_unit_test(test_faults_before_an_error_are_told),
        cmocka_unit_test(test_boot_cpu_may_stand_anywhere_and_ids_may_have_gaps),
        cmocka_unit_test(test_there_is_no_fixed_maximum_of_cpus),
        cmocka_unit_test(test_mutated_tables_end_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
