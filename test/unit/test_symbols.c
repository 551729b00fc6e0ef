// sources: src/cpu/symbols.c src/boot/memory.c test/unit/stubs.c
// flags: -DDIRECT_MAP_BASE=0x200000000000UL
/* The kernel's symbols, where the loader says they lie, in pretended physical memory: only what is
 * usable there is mapped here, so that a read of anything else is a fault. */
#include "stubs.h"
#include "boot/multiboot2.h"
#include "cpu/symbols.h"
#include <string.h>
#include <sys/mman.h>

#define SYMBOLS 0x5000UL /* physical, of the table */
#define STRINGS 0x6000UL
#define ADDRESS (KERNEL_BASE + 0x100000)
#define NAMES   "\0door\0room"
#define IN_DOOR 1
#define IN_ROOM 6

static const struct phys_range usable = {0x4000, 0x4000};
static Elf64_Shdr headers[3];
static struct boot_info boot;

static int map_memory(void **state)
{
    (void)state;
    void *memory = mmap(phys_to_virt(usable.base), usable.size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return memory == phys_to_virt(usable.base) ? 0 : -1;
}

/* Two functions, 0x100 bytes apart, and headers that tell where they lie. */
static int set_up(void **state)
{
    (void)state;
    const Elf64_Sym symbols[] = {
        {0},
        {.st_name = IN_DOOR, .st_info = STT_FUNC, .st_shndx = 1, .st_value = ADDRESS},
        {.st_name = IN_ROOM, .st_info = STT_FUNC, .st_shndx = 1, .st_value = ADDRESS + 0x100}};
    memcpy(phys_to_virt(SYMBOLS), symbols, sizeof symbols);
    memcpy(phys_to_virt(STRINGS), NAMES, sizeof NAMES);
    headers[1] = (Elf64_Shdr){
        .sh_type = SHT_SYMTAB, .sh_addr = SYMBOLS, .sh_size = sizeof symbols, .sh_link = 2};
    headers[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_addr = STRINGS, .sh_size = sizeof NAMES};
    boot.sections = (struct boot_sections){headers, 3, sizeof headers[0], 2};
    return 0;
}

static size_t found(void)
{
    struct phys_range out[2];
    return symbols_init(&boot, &usable, 1, out);
}

static void test_nothing_has_a_name_without_sections(void **state)
{
    (void)state;
    uint64_t offset;
    boot.sections.count = 0;
    assert_int_equal(found(), 0);
    assert_null(symbol_at(ADDRESS, &offset));
}

static void test_tables_that_lie_outside_of_usable_memory_are_left_alone(void **state)
{
    (void)state;
    static const uint64_t places[] = {0,         0x3fff,    0x7fff,         0x8000,
                                      1UL << 32, 1UL << 63, UINT64_MAX - 8, 0xfee00000};
    uint64_t offset;
    for (size_t i = 0; i < 2 * sizeof places / sizeof places[0]; i++) {
        set_up(NULL);
        headers[1 + i % 2].sh_addr = places[i / 2];
        assert_int_equal(found(), 0);
    }
    for (unsigned i = 1; i <= 2; i++) {
        set_up(NULL);
        headers[i].sh_size = UINT64_MAX - 0x100;
        assert_int_equal(found(), 0);
        headers[i].sh_size = 0;
        assert_int_equal(found(), 0);
    }
    assert_null(symbol_at(ADDRESS, &offset));
}

static void test_strings_in_no_section_or_in_another_kind_are_none(void **state)
{
    (void)state;
    headers[1].sh_link = 3;
    assert_int_equal(found(), 0);
    headers[1].sh_link = 1;
    assert_int_equal(found(), 0);
}

static void test_an_address_has_the_name_of_the_function_it_lies_in(void **state)
{
    (void)state;
    struct phys_range out[2];
    uint64_t offset;
    assert_int_equal(symbols_init(&boot, &usable, 1, out), 2);
    assert_int_equal(out[0].base, SYMBOLS);
    assert_int_equal(out[1].base, STRINGS);
    assert_int_equal(out[1].size, sizeof NAMES);
    assert_string_equal(symbol_at(ADDRESS + 0xff, &offset), "door");
    assert_int_equal(offset, 0xff);
    assert_string_equal(symbol_at(ADDRESS + 0x100, &offset), "room");
    assert_int_equal(offset, 0);
    assert_null(symbol_at(ADDRESS - 1, &offset));
}

static void test_a_name_beyond_the_strings_is_none(void **state)
{
    (void)state;
    uint64_t offset;
    assert_int_equal(found(), 2);
    ((Elf64_Sym *)phys_to_virt(SYMBOLS))[2].st_name = sizeof NAMES;
    assert_string_equal(symbol_at(ADDRESS + 0x200, &offset), "door");
    headers[2].sh_size = IN_ROOM + 2; /* "ro" without an end */
    assert_int_equal(found(), 2);
    ((Elf64_Sym *)phys_to_virt(SYMBOLS))[2].st_name = IN_ROOM;
    assert_null(symbol_at(ADDRESS + 0x200, &offset));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_has_a_name_without_sections, set_up),
        cmocka_unit_test_setup(test_tables_that_lie_outside_of_usable_memory_are_left_alone,
                               set_up),
        cmocka_unit_test_setup(test_strings_in_no_section_or_in_another_kind_are_none, set_up),
        cmocka_unit_test_setup(test_an_address_has_the_name_of_the_function_it_lies_in, set_up),
        cmocka_unit_test_setup(test_a_name_beyond_the_strings_is_none, set_up),
    };
    return cmocka_run_group_tests(tests, map_memory, NULL);
}
