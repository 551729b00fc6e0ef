// sources: src/smp/tables.c src/smp/acpi.c test/unit/stubs.c
/* The list of tables: what root tables name, good or bad, in a physical memory of the test's own. */
#include "stubs.h"

#include <string.h>

#include "boot/multiboot2.h"
#include "dev/console.h"
#include "mm/paging.h"
#include "smp/acpi.h"
#include "smp/tables.h"

#define MEMORY_SIZE 0x10000UL
#define XSDT        0x1000UL
#define RSDT        0x2000UL
#define FIRST       0x3000UL /* of other tables */

static _Alignas(4096) uint8_t memory[MEMORY_SIZE];
static unsigned mapped; /* how many windows were asked for */
static char log_text[1 << 14];
static unsigned log_lines;
static uint8_t rsdp[36];

/* What lies beyond the memory reads as ones; beyond 1 MiB there are no addresses. */
void *map_physical(phys_addr_t pa, uint64_t size, uint64_t flags)
{
    static uint8_t ones[4096];
    (void)flags;
    mapped++;
    if (pa + size < pa || pa + size > 0x100000)
        return NULL;
    if (pa + size <= MEMORY_SIZE)
        return memory + pa;
    memset(ones, 0xff, sizeof ones);
    return ones;
}

void klog(const char *subsystem, const char *text, ...)
{
    char *end = log_text + strlen(log_text);
    va_list args;
    (void)subsystem;
    va_start(args, text);
    vsnprintf(end, (size_t)(log_text + sizeof log_text - 2 - end), text, args);
    va_end(args);
    strcat(log_text, "\n");
    log_lines++;
}

static void sum_up(uint8_t *bytes, size_t length, size_t at)
{
    uint8_t sum = 0;
    bytes[at] = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

static void put_table(uint64_t at, const char *signature, const void *body, uint32_t size)
{
    uint32_t length = ACPI_HEADER_SIZE + size;
    memset(memory + at, 0, ACPI_HEADER_SIZE);
    memcpy(memory + at, signature, 4);
    memcpy(memory + at + 4, &length, 4);
    if (size)
        memcpy(memory + at + ACPI_HEADER_SIZE, body, size);
    sum_up(memory + at, length, 9);
}

static void put_rsdp(uint32_t rsdt, uint64_t xsdt)
{
    memset(rsdp, 0, sizeof rsdp);
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = 2;
    memcpy(rsdp + 16, &rsdt, 4);
    rsdp[20] = 36;
    memcpy(rsdp + 24, &xsdt, 8);
    sum_up(rsdp, 20, 8);
    sum_up(rsdp, 36, 32);
}

static int start(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    log_text[0] = 0;
    log_lines = mapped = 0;
    return 0;
}

static void look(void)
{
    static struct boot_info boot;
    boot = (struct boot_info){.rsdp = rsdp, .rsdp_length = sizeof rsdp};
    acpi_init(&boot);
}

static void expect_line(const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "%s\n", line);
    const char *found = strstr(log_text, whole);
    if (!found || strstr(found + 1, whole))
        fail_msg("not once: %sin:\n%s", whole, log_text);
}

static void test_list_holds_each_table_once_and_maps_it_once(void **state)
{
    (void)state;
    uint64_t pointers[] = {FIRST, FIRST + 0x100, FIRST + 0x201, FIRST, FIRST + 0x100};
    put_table(XSDT, "XSDT", pointers, sizeof pointers);
    put_table(FIRST, "FACP", "0123", 4);
    put_table(FIRST + 0x100, "SSDT", "one", 3);
    put_table(FIRST + 0x201, "SSDT", "two", 3); /* at an odd address, which is no fault */
    put_rsdp(0, XSDT);
    look();
    assert_int_equal(log_lines, 0);
    unsigned before = mapped;
    assert_int_equal(before, 4);
    size_t index = 0;
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(acpi_table("FACP"), memory + FIRST);
    assert_ptr_equal(acpi_next_table("SSDT", &index), memory + FIRST + 0x100);
    assert_ptr_equal(acpi_next_table("SSDT", &index), memory + FIRST + 0x201);
    assert_null(acpi_next_table("SSDT", &index));
    assert_null(acpi_table("APIC"));
    assert_ptr_equal(acpi_map_table(FIRST, "FACP"), memory + FIRST);
    assert_null(acpi_map_table(0, NULL));
    assert_int_equal(mapped, before);
    assert_int_equal(acpi_listed(0)->address, XSDT);
    assert_non_null(acpi_listed(3));
    assert_null(acpi_listed(4));
    assert_int_equal(log_lines, 0);
    assert_null(acpi_map_table(FIRST, "DSDT"));
    expect_line("table FACP at 0x3000: not the table that it should be: ignored");
    assert_int_equal(log_lines, 1);
    assert_int_equal(mapped, before);
}

static void test_table_longer_than_a_page_is_mapped_whole(void **state)
{
    (void)state;
    uint64_t pointers[] = {FIRST + 0xfe0};
    static uint8_t body[5000];
    put_table(XSDT, "XSDT", pointers, sizeof pointers);
    put_table(FIRST + 0xfe0, "SSDT", body, sizeof body);
    put_rsdp(0, XSDT);
    look();
    assert_non_null(acpi_table("SSDT"));
    assert_int_equal(mapped, 3);
}

static void test_bad_tables_are_named_once_and_good_ones_found(void **state)
{
    (void)state;
    uint64_t pointers[] = {0, 0x80000, 0x100000, XSDT, FIRST, FIRST + 0x100, 0, FIRST + 0x200};
    put_table(XSDT, "XSDT", pointers, sizeof pointers);
    put_table(RSDT, "RSDT", &(uint32_t[]){0, 0x80000, FIRST + 0x100}, 12);
    put_table(FIRST, "LONG", NULL, 0);
    memory[FIRST + 7] = 1;
    put_table(FIRST + 0x100, "SUMS", NULL, 0);
    memory[FIRST + 0x100 + 9] ^= 1;
    put_table(FIRST + 0x200, "GOOD", NULL, 0);
    put_rsdp(RSDT, XSDT);
    look();
    expect_line("XSDT, byte 36: table ??\?? at 0x0: a null pointer: ignored");
    expect_line("XSDT, byte 44: table ??\?? at 0x80000: no table's signature: ignored");
    expect_line("XSDT, byte 52: table ??\?? at 0x100000: not a physical address: ignored");
    expect_line("XSDT, byte 60: table XSDT at 0x1000: a root table: ignored");
    expect_line("XSDT, byte 68: table LONG at 0x3000: an impossible length: ignored");
    expect_line("XSDT, byte 76: table SUMS at 0x3100: wrong checksum of the table: ignored");
    assert_int_equal(log_lines, 6);
    assert_non_null(acpi_table("GOOD"));
    assert_null(acpi_table("SUMS"));
    assert_null(acpi_map_table(FIRST + 0x100, "SUMS"));
    assert_int_equal(log_lines, 6);
    /* Those that can be read are kept, for who wants to look at them. */
    unsigned readable = 0;
    for (size_t i = 0; acpi_listed(i); i++)
        readable += acpi_listed(i)->bytes && !acpi_listed(i)->good;
    assert_int_equal(readable, 1);
}

static void test_rsdt_is_asked_where_the_xsdt_is_not_good(void **state)
{
    (void)state;
    uint64_t pointers[] = {FIRST};
    put_table(XSDT, "XSDT", pointers, sizeof pointers);
    memory[XSDT + 9] ^= 1;
    put_table(RSDT, "RSDT", &(uint32_t){FIRST}, 4);
    put_table(FIRST, "GOOD", NULL, 0);
    put_rsdp(RSDT, XSDT);
    look();
    expect_line("RSDP, byte 24: table XSDT at 0x1000: wrong checksum of the table: ignored");
    assert_int_equal(log_lines, 1);
    assert_non_null(acpi_table("GOOD"));
}

static void test_rsdt_is_not_asked_where_the_xsdt_is_good(void **state)
{
    (void)state;
    uint64_t pointers[] = {FIRST};
    put_table(XSDT, "XSDT", pointers, sizeof pointers);
    put_table(RSDT, "RSDT", &(uint32_t){FIRST + 0x100}, 4);
    put_table(FIRST, "GOOD", NULL, 0);
    put_table(FIRST + 0x100, "MORE", NULL, 0);
    put_rsdp(RSDT, XSDT);
    look();
    assert_int_equal(log_lines, 0);
    assert_null(acpi_table("MORE"));
}

static void test_root_pointer_to_another_table_is_named(void **state)
{
    (void)state;
    put_table(RSDT, "SSDT", NULL, 0);
    put_rsdp(RSDT, 0);
    look();
    expect_line(
        "RSDP, byte 16: table SSDT at 0x2000: not the root table that it should be: ignored");
    assert_int_equal(log_lines, 1);
}

static void test_table_of_bad_pointers_does_not_flood_the_log(void **state)
{
    (void)state;
    static uint64_t pointers[400];
    for (size_t i = 0; i < 400; i++)
        pointers[i] = 0x100000 + i;
    put_table(XSDT, "XSDT", pointers, sizeof pointers);
    put_rsdp(0, XSDT);
    look();
    assert_int_equal(log_lines, 9);
    expect_line("bad tables besides: 392");
}

static void test_bad_table_that_is_found_after_a_flood_is_named_too(void **state)
{
    (void)state;
    uint64_t pointers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    put_table(XSDT, "XSDT", pointers, sizeof pointers);
    put_table(FIRST, "DSDT", NULL, 0);
    memory[FIRST + 9] ^= 1;
    put_rsdp(0, XSDT);
    look();
    expect_line("bad tables besides: 1");
    unsigned before = log_lines;
    assert_null(acpi_map_table(FIRST, "DSDT"));
    assert_null(acpi_map_table(FIRST, "DSDT"));
    expect_line("table DSDT at 0x3000: wrong checksum of the table: ignored");
    assert_int_equal(log_lines, before + 1);
}

static void test_no_tables_no_log(void **state)
{
    (void)state;
    static struct boot_info boot;
    acpi_init(&boot);
    expect_line("the loader found no root pointer (RSDP)");
    assert_null(acpi_table("APIC"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_list_holds_each_table_once_and_maps_it_once, start),
        cmocka_unit_test_setup(test_table_longer_than_a_page_is_mapped_whole, start),
        cmocka_unit_test_setup(test_bad_tables_are_named_once_and_good_ones_found, start),
        cmocka_unit_test_setup(test_rsdt_is_asked_where_the_xsdt_is_not_good, start),
        cmocka_unit_test_setup(test_rsdt_is_not_asked_where_the_xsdt_is_good, start),
        cmocka_unit_test_setup(test_root_pointer_to_another_table_is_named, start),
        cmocka_unit_test_setup(test_table_of_bad_pointers_does_not_flood_the_log, start),
        cmocka_unit_test_setup(test_bad_table_that_is_found_after_a_flood_is_named_too, start),
        cmocka_unit_test_setup(test_no_tables_no_log, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
