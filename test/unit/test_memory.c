// sources: src/boot/memory.c test/unit/stubs.c
/* What is usable by the loader's map, and where its modules may not lie, against a map of single bytes. */
#include "stubs.h"
#include "boot/memory.h"
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct boot_info boot;
static struct phys_range usable[BOOT_MEMORY_MAX];

static size_t usable_of(const struct boot_memory *map, size_t count)
{
    memcpy(boot.memory, map, count * sizeof *map);
    boot.memory_count = count;
    return memory_usable(&boot, UINT64_MAX, usable);
}

static void assert_range(struct phys_range range, uint64_t base, uint64_t size)
{
    assert_int_equal(range.base, base);
    assert_int_equal(range.size, size);
}

static void test_no_map_and_one_without_usable_memory_give_nothing(void **state)
{
    (void)state;
    const struct boot_memory map[] = {{0, 100, 2}, {100, UINT64_MAX - 100, 3}};
    assert_int_equal(usable_of(map, 0), 0);
    assert_int_equal(usable_of(map, 2), 0);
}

static void test_ranges_come_out_sorted_and_joined(void **state)
{
    (void)state;
    const struct boot_memory map[] = {
        {0x3000, 0x1000, 1}, {0x1000, 0x1000, 1}, {0x2000, 0x1000, 1}, {0x8000, 0x1000, 1}};
    assert_int_equal(usable_of(map, 4), 2);
    assert_range(usable[0], 0x1000, 0x3000);
    assert_range(usable[1], 0x8000, 0x1000);
}

static void test_what_another_type_claims_is_not_usable(void **state)
{
    (void)state;
    for (int type = BOOT_MEMORY_RESERVED; type <= BOOT_MEMORY_BAD; type++) {
        const struct boot_memory map[] = {
            {0x1000, 0x8000, 1},
            {0x2000, 0x1000, (enum boot_memory_type)type},
            {0x2800, 0x1000, (enum boot_memory_type)type}, /* over the one before */
            {0x5000, 1, (enum boot_memory_type)type},
            {0x8fff, UINT64_MAX - 0x8fff, (enum boot_memory_type)type}};
        assert_int_equal(usable_of(map, COUNT(map)), 3);
        assert_range(usable[0], 0x1000, 0x1000);
        assert_range(usable[1], 0x3800, 0x1800);
        assert_range(usable[2], 0x5001, 0x3ffe);
    }
}

static void test_memory_ends_where_the_cpus_addresses_do(void **state)
{
    (void)state;
    const struct boot_memory map[] = {
        {0x9000, 0x1000, 1}, {0x1000, 0x2000, 1}, {0x6000, 0x2000, 1}, {0x8000, 0x800, 1}};
    assert_int_equal(usable_of(map, COUNT(map)), 3);
    assert_int_equal(memory_usable(&boot, 0x7000, usable), 2);
    assert_range(usable[0], 0x1000, 0x2000);
    assert_range(usable[1], 0x6000, 0x1000);
    assert_int_equal(memory_usable(&boot, 0x6000, usable), 1);
    assert_int_equal(memory_usable(&boot, 0x8400, usable), 2);
    assert_range(usable[1], 0x6000, 0x2400);
    assert_int_equal(memory_usable(&boot, 0x1000, usable), 0);
}

static void test_any_map_gives_what_a_map_of_bytes_gives(void **state)
{
    (void)state;
    enum { BYTES = 200 };
    for (int round = 0; round < 3000; round++) {
        uint64_t origin =
            random_below(2) ? 0 : UINT64_MAX - BYTES; /* its last byte is in no range */
        struct boot_memory map[12] = {0};
        bool model[BYTES] = {false};
        size_t count = random_below(COUNT(map) + 1);
        for (size_t i = 0; i < count; i++) {
            uint64_t at = random_below(BYTES);
            map[i].base = origin + at;
            map[i].size = 1 + random_below(random_below(2) ? 10 : BYTES);
            if (map[i].size > BYTES - at)
                map[i].size = BYTES - at;
            map[i].type = random_below(3) ? BOOT_MEMORY_USABLE : BOOT_MEMORY_RESERVED;
        }
        for (int reserved = 0; reserved < 2; reserved++)
            for (size_t i = 0; i < count; i++)
                if ((map[i].type != BOOT_MEMORY_USABLE) == reserved)
                    memset(model + (map[i].base - origin), !reserved, map[i].size);

        size_t found = usable_of(map, count), next = 0;
        for (size_t at = 0; at < BYTES;) {
            size_t from = at;
            while (at < BYTES && model[at] == model[from])
                at++;
            if (model[from]) {
                assert_true(next < found);
                assert_range(usable[next++], origin + from, at - from);
                assert_true(memory_holds(usable, found, origin + from, at - from));
                assert_true(memory_holds(usable, found, origin + at - 1, 1));
                assert_false(memory_holds(usable, found, origin + from, at - from + 1));
            } else {
                assert_false(memory_holds(usable, found, origin + from, 1));
            }
        }
        assert_int_equal(next, found);
    }
}

/* The largest map, and the most ranges that one can give: each second one has a hole in it. */
static void test_a_full_map_of_holes_fits_and_stays_in_bounds(void **state)
{
    (void)state;
    static struct boot_memory map[BOOT_MEMORY_MAX];
    map[0] = (struct boot_memory){0, 1 << 30, 1};
    for (size_t i = 1; i < BOOT_MEMORY_MAX; i++)
        map[i] = (struct boot_memory){i * 0x2000, 1, 2};
    assert_int_equal(usable_of(map, BOOT_MEMORY_MAX), BOOT_MEMORY_MAX);
    assert_range(usable[BOOT_MEMORY_MAX - 1], (BOOT_MEMORY_MAX - 1) * 0x2000 + 1,
                 (1 << 30) - (BOOT_MEMORY_MAX - 1) * 0x2000 - 1);
}

static void test_nothing_lies_anywhere_and_no_range_wraps_into_another(void **state)
{
    (void)state;
    const struct phys_range some[] = {{0x1000, 0x1000}};
    assert_true(memory_holds(some, 1, 0x9000, 0));
    assert_false(memory_holds(some, 1, UINT64_MAX, 2));
    assert_false(memory_holds(some, 1, 0x1001, UINT64_MAX));
    assert_false(memory_holds(some, 0, 0x1000, 1));
}

static void test_a_module_in_the_wrong_place_is_told_which_one(void **state)
{
    (void)state;
    static const struct phys_range image = {0x100000, 0x40000}, information = {0x200000, 0x500};
    static const struct {
        uint32_t start, end;
        const char *flaw;
    } cases[] = {
        {0x300000, 0x301000, NULL},
        {0x140000, 0x141000, NULL}, /* right behind the image */
        {0x1ff000, 0x200000, NULL}, /* right before the information */
        {0x800000, 0x900000, NULL}, /* up to the end of memory */
        {0x100000, 0x100000, NULL}, /* empty */
        {0x13ffff, 0x141000, "lies in the kernel's image"},
        {0x0fff00, 0x100001, "lies in the kernel's image"},
        {0x0fff00, 0x150000, "lies in the kernel's image"},
        {0x110000, 0x110001, "lies in the kernel's image"},
        {0x2004ff, 0x200600, "lies in the boot information"},
        {0x1f0000, 0x210000, "lies in the boot information"},
        {0x400fff, 0x402000, "lies in the module before it"},
        {0x3ff000, 0x400001, "lies in the module before it"},
        {0x500000, 0x500001, "lies outside of usable memory"}, /* reserved */
        {0x4ff000, 0x502000, "lies outside of usable memory"}, /* reserved, in its middle */
        {0x8fffff, 0x900001, "lies outside of usable memory"},
        {0xfffff000, 0xffffffff, "lies outside of usable memory"},
        {0x600000, 0xffffffff, "lies outside of usable memory"},
    };
    const struct boot_memory map[] = {{0, 0x900000, 1}, {0x500000, 0x1000, 2}};
    size_t count = usable_of(map, COUNT(map));
    boot.module_count = 2;
    boot.modules[0] = (struct boot_module){.start = 0x400000, .end = 0x401000};
    for (size_t i = 0; i < COUNT(cases); i++) {
        boot.modules[1] = (struct boot_module){.start = cases[i].start, .end = cases[i].end};
        const char *flaw = memory_module_flaw(&boot, 1, usable, count, image, information);
        if (cases[i].flaw)
            assert_string_equal(flaw ? flaw : "nothing", cases[i].flaw);
        else
            assert_null(flaw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_map_and_one_without_usable_memory_give_nothing),
        cmocka_unit_test(test_ranges_come_out_sorted_and_joined),
        cmocka_unit_test(test_what_another_type_claims_is_not_usable),
        cmocka_unit_test(test_memory_ends_where_the_cpus_addresses_do),
        cmocka_unit_test(test_any_map_gives_what_a_map_of_bytes_gives),
        cmocka_unit_test(test_a_full_map_of_holes_fits_and_stays_in_bounds),
        cmocka_unit_test(test_nothing_lies_anywhere_and_no_range_wraps_into_another),
        cmocka_unit_test(test_a_module_in_the_wrong_place_is_told_which_one),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
