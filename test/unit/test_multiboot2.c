// sources: src/boot/multiboot2.c
/* The multiboot2 boot information: what is read from each tag, and every way a tag can be wrong. */
#include "boot/multiboot2.h"

#include <errno.h>

#include "bytes.h"
#include <stdbool.h>

static struct bytes in;
static struct boot_info info;
static struct parse_error error;

static void begin(void)
{
    in.size = 0;
    put_zeros(&in, 8);
}

/* The tag's offset. Its size is set by end_tag, which pads as well. */
static size_t begin_tag(uint32_t type)
{
    size_t at = put_int(&in, 4, type);
    put_int(&in, 4, 0);
    return at;
}

static void end_tag(size_t at)
{
    set_int(&in, at + 4, 4, in.size - at);
    pad_to(&in, 8);
}

static size_t put_tag(uint32_t type, const void *data, size_t size)
{
    size_t at = begin_tag(type);
    put(&in, data, size);
    end_tag(at);
    return at;
}

static void end(void)
{
    put_tag(0, "", 0);
    set_int(&in, 0, 4, in.size);
}

static int parse(void)
{
    return multiboot2_parse(guarded(in.data, in.size), in.size, &info, &error);
}

static size_t put_module(uint32_t start, uint32_t stop, const char *cmdline)
{
    size_t at = begin_tag(3);
    put_int(&in, 4, start);
    put_int(&in, 4, stop);
    put(&in, cmdline, strlen(cmdline) + 1);
    end_tag(at);
    return at;
}

static void put_range(uint64_t base, uint64_t size, uint32_t type)
{
    put_int(&in, 8, base);
    put_int(&in, 8, size);
    put_int(&in, 4, type);
    put_int(&in, 4, 0);
}

static size_t begin_memory_map(uint32_t entry_size)
{
    size_t at = begin_tag(6);
    put_int(&in, 4, entry_size);
    put_int(&in, 4, 0);
    return at;
}

static void put_framebuffer(uint64_t address, uint32_t pitch, uint32_t width, uint32_t height)
{
    size_t at = begin_tag(8);
    put_int(&in, 8, address);
    put_int(&in, 4, pitch);
    put_int(&in, 4, width);
    put_int(&in, 4, height);
    put_int(&in, 1, 32);
    put_int(&in, 1, 1);
    put_int(&in, 2, 0);
    put(&in, "\x10\x08\x08\x08\x00\x08", 6); /* red, green, blue: position, size */
    end_tag(at);
}

static size_t put_sections(uint32_t count, uint32_t entry_size, uint32_t names, uint32_t present)
{
    size_t at = begin_tag(9);
    put_int(&in, 4, count);
    put_int(&in, 4, entry_size);
    put_int(&in, 4, names);
    for (uint32_t i = 0; i < present; i++) {
        Elf64_Shdr header = {.sh_addr = 0x1000U + i};
        put(&in, &header, sizeof header);
    }
    end_tag(at);
    return at;
}

static void test_bare_information_is_accepted_and_empty(void **state)
{
    (void)state;
    begin();
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.length, 16);
    assert_string_equal(info.command_line, "");
    assert_string_equal(info.loader_name, "");
    assert_int_equal(info.memory_count, 0);
    assert_int_equal(info.module_count, 0);
    assert_null(info.rsdp);
    assert_int_equal(info.framebuffer.address, 0);
    assert_int_equal(info.sections.count, 0);
}

static void put_everything(void)
{
    begin();
    put_tag(1, "init=/bin/sh", 13);
    put_tag(2, "GRUB 2.06", 10);
    put_tag(10, "an unused tag", 13);
    put_module(0x100000, 0x180000, "initramfs");
    put_module(0x200000, 0x200000, "");
    size_t map = begin_memory_map(24);
    put_range(0, 0x9fc00, 1);
    put_range(0x9fc00, 0x400, 2);
    put_range(0x100000, 0, 1);
    put_range(0xfffc0000, 0x40000, 77);
    put_range(0x1ffe0000, 0x20000, 3);
    put_range(0x2ffe0000, 0x20000, 4);
    put_range(0x3ffe0000, 0x20000, 5);
    end_tag(map);
    put_framebuffer(0xfd000000, 4096, 1024, 768);
    put_sections(3, 64, 2, 3);
    end();
}

static void test_every_tag_is_read(void **state)
{
    (void)state;
    put_everything();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.length, in.size);
    assert_string_equal(info.command_line, "init=/bin/sh");
    assert_string_equal(info.loader_name, "GRUB 2.06");

    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.modules[0].start, 0x100000);
    assert_int_equal(info.modules[0].end, 0x180000);
    assert_string_equal(info.modules[0].cmdline, "initramfs");
    assert_string_equal(info.modules[1].cmdline, "");

    assert_int_equal(info.memory_count, 6); /* the empty one is left out */
    static const uint32_t types[] = {1, 2, 2, 3, 4, 5};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(info.memory[i].type, types[i]);
    assert_int_equal(info.memory[1].base, 0x9fc00);
    assert_int_equal(info.memory[1].size, 0x400);

    assert_int_equal(info.framebuffer.address, 0xfd000000);
    assert_int_equal(info.framebuffer.pitch, 4096);
    assert_int_equal(info.framebuffer.width, 1024);
    assert_int_equal(info.framebuffer.height, 768);
    assert_int_equal(info.framebuffer.bits_per_pixel, 32);
    assert_int_equal(info.framebuffer.type, 1);
    assert_memory_equal(info.framebuffer.colours, "\x10\x08\x08\x08\x00\x08", 6);
    assert_false(info.efi);

    assert_int_equal(info.sections.count, 3);
    assert_int_equal(info.sections.name_index, 2);
    assert_int_equal(boot_section(&info.sections, 2).sh_addr, 0x1002);
}

static void test_every_shorter_prefix_is_refused_without_a_read_past_it(void **state)
{
    (void)state;
    put_everything();
    for (size_t size = 0; size < in.size; size++) {
        const uint8_t *cut = guarded(in.data, size);
        assert_int_equal(multiboot2_parse(cut, size, &info, &error), -EINVAL);
    }
    /* The same, with a header that agrees with the cut. */
    for (size_t size = 8; size < in.size; size++) {
        set_int(&in, 0, 4, size);
        const uint8_t *cut = guarded(in.data, size);
        assert_int_equal(multiboot2_parse(cut, size, &info, &error), -EINVAL);
    }
}

static void test_total_size_must_cover_the_header_and_lie_in_the_mapping(void **state)
{
    (void)state;
    begin();
    end();
    assert_refused(multiboot2_parse(guarded(in.data, 7), 7, &info, &error), -EINVAL, 0,
                   "no room for the header");
    set_int(&in, 0, 4, 7);
    assert_refused(parse(), -EINVAL, 0, "total size out of range");
    set_int(&in, 0, 4, 17);
    assert_refused(parse(), -EINVAL, 0, "total size out of range");
    set_int(&in, 0, 4, UINT32_MAX);
    assert_refused(parse(), -EINVAL, 0, "total size out of range");
}

static void test_missing_end_tag_is_refused(void **state)
{
    (void)state;
    begin();
    put_tag(1, "x", 2);
    set_int(&in, 0, 4, in.size);
    assert_refused(parse(), -EINVAL, in.size, "no end tag");
    begin();
    set_int(&in, 0, 4, in.size);
    assert_refused(parse(), -EINVAL, 8, "no end tag");
}

static void test_tag_size_out_of_range_is_refused(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 7, 25, UINT32_MAX, UINT32_MAX - 7};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        begin();
        size_t at = put_tag(1, "abcdefg", 8);
        end();
        set_int(&in, at + 4, 4, sizes[i]);
        assert_refused(parse(), -EINVAL, at + 4, "tag size out of range");
    }
}

static void test_tag_padding_that_runs_out_is_a_missing_end_tag(void **state)
{
    (void)state;
    begin();
    size_t at = begin_tag(1);
    put(&in, "a", 2);
    set_int(&in, at + 4, 4, in.size - at);
    set_int(&in, 0, 4, in.size);
    assert_refused(parse(), -EINVAL, in.size, "no end tag");
}

static void test_strings_must_end_inside_their_tag(void **state)
{
    (void)state;
    for (uint32_t type = 1; type <= 2; type++) {
        begin();
        size_t at = put_tag(type, "abc", 3);
        end();
        assert_refused(parse(), -EINVAL, at + 8, "string without an end");
        begin();
        at = put_tag(type, "12345678", 8);
        put_tag(0x01010101, "its end is the next tag's", 26);
        end();
        assert_refused(parse(), -EINVAL, at + 8, "string without an end");
        begin();
        at = put_tag(type, "", 0);
        end();
        assert_refused(parse(), -EINVAL, at, "tag too short for its string");
    }
    begin();
    size_t at = put_tag(3, "startend", 8);
    end();
    assert_refused(parse(), -EINVAL, at, "tag too short for its string");
    begin();
    at = put_tag(3,
                 "0000"
                 "1111"
                 "x",
                 9);
    end();
    assert_refused(parse(), -EINVAL, at + 16, "string without an end");
}

static void test_modules_are_found_by_the_first_word_of_their_command_line(void **state)
{
    (void)state;
    begin();
    put_module(0, 1, "");
    put_module(1, 2, "fonts");
    put_module(2, 3, "font");
    put_module(3, 4, "font");
    put_module(4, 5, "initramfs and more");
    end();
    assert_int_equal(parse(), 0);
    assert_ptr_equal(boot_module(&info, "font"), &info.modules[2]);
    assert_ptr_equal(boot_module(&info, "initramfs"), &info.modules[4]);
    assert_null(boot_module(&info, "and"));
    assert_null(boot_module(&info, "f"));
}

static void test_uefi_is_known_by_its_system_table(void **state)
{
    (void)state;
    for (uint32_t type = 11; type <= 12; type++) {
        begin();
        put_tag(type, "12345678", 8);
        end();
        assert_int_equal(parse(), 0);
        assert_true(info.efi);
    }
}

static void test_module_that_ends_before_it_starts_is_refused(void **state)
{
    (void)state;
    begin();
    size_t at = put_module(0x1001, 0x1000, "");
    end();
    assert_refused(parse(), -EINVAL, at + 8, "module that ends before it starts");
}

static void test_eight_modules_fit_and_of_more_those_with_a_name_are_kept(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < BOOT_MODULE_MAX; i++)
        put_module(0, 1, "");
    size_t before_end = in.size;
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.module_count, BOOT_MODULE_MAX);
    assert_int_equal(info.modules_dropped, 0);
    in.size = before_end;
    put_module(2, 3, "fonts are not font");
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.module_count, BOOT_MODULE_MAX);
    assert_int_equal(info.modules_dropped, 1);
    for (int i = 0; i < BOOT_MODULE_MAX; i++)
        assert_int_equal(info.modules[i].end, 1);
    in.size = before_end;
    put_module(2, 3, "");
    put_module(4, 5, "initramfs too");
    put_module(6, 7, "font");
    put_module(8, 9, "");
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.modules_dropped, 4);
    assert_int_equal(boot_module(&info, "initramfs")->end, 5);
    assert_int_equal(boot_module(&info, "font")->end, 7);
    assert_int_equal(info.modules[0].end, 1);
    in.size = 0;
    begin();
    for (int i = 0; i < 2 * BOOT_MODULE_MAX; i++)
        put_module(0, (uint32_t)i, "font");
    end();
    assert_int_equal(parse(), 0); /* none of them is one that is not wanted */
    assert_int_equal(info.modules_dropped, BOOT_MODULE_MAX);
    assert_int_equal(boot_module(&info, "font")->end, 0);
}

/* `count` ranges of the type, none touching the next. */
static void put_ranges(uint64_t from, size_t count, uint32_t type)
{
    for (size_t i = 0; i < count; i++)
        put_range(from + (i << 13), 4096, type);
}

static void test_usable_ranges_that_do_not_fit_are_left_out(void **state)
{
    (void)state;
    begin();
    size_t at = begin_memory_map(24);
    put_ranges(0, BOOT_MEMORY_MAX + 3, 1);
    end_tag(at);
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
    assert_int_equal(info.memory_dropped, 3);
    assert_int_equal(info.memory[BOOT_MEMORY_MAX - 1].base, (BOOT_MEMORY_MAX - 1) << 13);
}

static void test_reserved_ranges_that_do_not_fit_take_the_places_of_usable_ones(void **state)
{
    (void)state;
    const size_t reserved = BOOT_MEMORY_MAX - 2;
    begin();
    size_t at = begin_memory_map(24);
    put_ranges(0, BOOT_MEMORY_MAX, 1);
    put_ranges(1 << 30, reserved, 2);
    end_tag(at);
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
    assert_int_equal(info.memory_dropped, reserved);
    assert_int_equal(info.memory[1].type, 1);
    assert_int_equal(info.memory[1].base, 1 << 13);
    static bool found[BOOT_MEMORY_MAX];
    for (size_t i = 2; i < BOOT_MEMORY_MAX; i++) {
        assert_int_equal(info.memory[i].type, 2);
        found[(info.memory[i].base - (1 << 30)) >> 13] = true;
    }
    for (size_t i = 0; i < reserved; i++)
        assert_true(found[i]);
}

static void test_more_reserved_ranges_than_fit_are_refused(void **state)
{
    (void)state;
    for (size_t count = BOOT_MEMORY_MAX; count <= BOOT_MEMORY_MAX + 1; count++) {
        begin();
        size_t at = begin_memory_map(24);
        put_ranges(0, count, 2);
        end_tag(at);
        end();
        if (count == BOOT_MEMORY_MAX)
            assert_int_equal(parse(), 0);
        else
            assert_refused(parse(), -E2BIG, at + 16 + 24 * (size_t)BOOT_MEMORY_MAX,
                           "too many reserved memory ranges");
        assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
    }
}

static void test_neighbours_of_one_type_take_one_place(void **state)
{
    (void)state;
    begin();
    size_t at = begin_memory_map(24);
    for (uint64_t i = 0; i < 4 * BOOT_MEMORY_MAX; i++)
        put_range(i << 12, 4096, i < 3 * BOOT_MEMORY_MAX ? 1 : 2);
    end_tag(at);
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory_dropped, 0);
    assert_int_equal(info.memory[0].size, 3UL * BOOT_MEMORY_MAX << 12);
    assert_int_equal(info.memory[1].base, 3UL * BOOT_MEMORY_MAX << 12);
    assert_int_equal(info.memory[1].size, (uint64_t)BOOT_MEMORY_MAX << 12);
}

static void test_memory_map_with_larger_entries_is_read(void **state)
{
    (void)state;
    begin();
    size_t at = begin_memory_map(32);
    put_range(0x1000, 0x2000, 1);
    put_int(&in, 8, 0);
    put_range(0x8000, 0x1000, 2);
    put_int(&in, 8, 0);
    end_tag(at);
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[1].base, 0x8000);
}

static void test_malformed_memory_map_is_refused(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 8, 16, 23, 25, 28};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        begin();
        size_t at = begin_memory_map(sizes[i]);
        end_tag(at);
        end();
        assert_refused(parse(), -EINVAL, at + 8, "memory map with a bad entry size");
    }
    begin();
    size_t at = put_tag(6, "1234567", 7);
    end();
    assert_refused(parse(), -EINVAL, at, "memory map too short");
    begin();
    at = begin_memory_map(24);
    put_range(0, 1, 1);
    put_int(&in, 8, 0);
    end_tag(at);
    end();
    assert_refused(parse(), -EINVAL, at, "memory map with a cut entry");
}

static void test_a_range_that_wraps_is_no_memory_or_reserves_up_to_the_top(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0xfff, 0x1000, UINT64_MAX};
    for (size_t i = 0; i < 6; i++) {
        uint32_t type = i < 3 ? 1 : 2;
        uint64_t size = sizes[i % 3];
        size_t left_out = type == 1 && size > 0xfff;
        begin();
        size_t at = begin_memory_map(24);
        put_range(0xfffffffffffff000, size, type);
        end_tag(at);
        end();
        assert_int_equal(parse(), 0);
        assert_int_equal(info.memory_dropped, left_out);
        assert_int_equal(info.memory_count, 1 - left_out);
        if (!left_out)
            assert_int_equal(info.memory[0].size, 0xfff);
    }
}

static void test_new_root_pointer_wins_over_the_old_one_in_either_order(void **state)
{
    (void)state;
    for (int new_first = 0; new_first <= 1; new_first++) {
        begin();
        put_tag(new_first ? 15 : 14, new_first ? "new root pointer" : "old", new_first ? 16 : 3);
        put_tag(new_first ? 14 : 15, new_first ? "old" : "new root pointer", new_first ? 3 : 16);
        end();
        assert_int_equal(parse(), 0);
        assert_int_equal(info.rsdp_length, 16);
        assert_memory_equal(info.rsdp, "new root pointer", 16);
    }
    begin();
    put_tag(14, "old", 3);
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.rsdp_length, 3);
    assert_memory_equal(info.rsdp, "old", 3);
}

static void test_malformed_framebuffer_is_refused(void **state)
{
    (void)state;
    begin();
    size_t at = put_tag(8, "1234567890123456789012", 22);
    end();
    assert_refused(parse(), -EINVAL, at, "framebuffer tag too short");
    begin();
    put_tag(8,
            "12345678"
            "\1\0\0\0"
            "\1\0\0\0"
            "\1\0\0\0"
            "\x08\1r",
            23); /* the least */
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.framebuffer.colours[2].size, 0);
    /* Whether it makes sense is for framebuffer_init to say, and no reason to refuse the machine. */
    begin();
    put_framebuffer(UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    end();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.framebuffer.width, UINT32_MAX);
}

static void test_section_headers_must_lie_in_their_tag(void **state)
{
    (void)state;
    begin();
    size_t at = put_sections(4, 64, 2, 3);
    end();
    assert_refused(parse(), -EINVAL, at + 8, "more section headers than the tag has");
    begin();
    at = put_sections(0x04000001, 64, 2, 3); /* the product overflows 32 bits */
    end();
    assert_refused(parse(), -EINVAL, at + 8, "more section headers than the tag has");
    begin();
    at = put_sections(3, 65, 2, 3);
    end();
    assert_refused(parse(), -EINVAL, at + 8, "more section headers than the tag has");
    begin();
    at = put_sections(3, 63, 2, 3);
    end();
    assert_refused(parse(), -EINVAL, at + 12, "section headers too small");
    begin();
    at = put_sections(3, 64, 3, 3);
    end();
    assert_refused(parse(), -EINVAL, at + 16, "section names in no section");
    begin();
    at = put_tag(9, "12345678901", 11);
    end();
    assert_refused(parse(), -EINVAL, at, "section tag too short");
    begin();
    put_sections(0, 0, 0, 0);
    end();
    assert_int_equal(parse(), 0);
}

static void test_tag_given_twice_is_refused(void **state)
{
    (void)state;
    static const uint32_t once[] = {1, 2, 6, 8, 9, 14, 15};
    static const uint8_t contents[32] = {24}; /* fits each of them: empty string, map, picture */
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        begin();
        put_tag(once[i], contents, once[i] == 6 ? 8 : sizeof contents);
        size_t at = put_tag(once[i], contents, once[i] == 6 ? 8 : sizeof contents);
        end();
        if (once[i] == 9) /* section count 24 */
            set_int(&in, 16, 4, 0);
        assert_refused(parse(), -EINVAL, at, "tag given twice");
    }
    begin();
    put_tag(33, "type 33 is not type 1", 22);
    put_tag(32, "nor is this", 12);
    put_tag(33, "nor does it matter", 19);
    put_tag(13, "smbios", 6);
    put_tag(13, "smbios", 6);
    put_tag(1, "b", 2);
    end();
    assert_int_equal(parse(), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare_information_is_accepted_and_empty),
        cmocka_unit_test(test_every_tag_is_read),
        cmocka_unit_test(test_every_shorter_prefix_is_refused_without_a_read_past_it),
        cmocka_unit_test(test_total_size_must_cover_the_header_and_lie_in_the_mapping),
        cmocka_unit_test(test_missing_end_tag_is_refused),
        cmocka_unit_test(test_tag_size_out_of_range_is_refused),
        cmocka_unit_test(test_tag_padding_that_runs_out_is_a_missing_end_tag),
        cmocka_unit_test(test_strings_must_end_inside_their_tag),
        cmocka_unit_test(test_modules_are_found_by_the_first_word_of_their_command_line),
        cmocka_unit_test(test_uefi_is_known_by_its_system_table),
        cmocka_unit_test(test_module_that_ends_before_it_starts_is_refused),
        cmocka_unit_test(test_eight_modules_fit_and_of_more_those_with_a_name_are_kept),
        cmocka_unit_test(test_usable_ranges_that_do_not_fit_are_left_out),
        cmocka_unit_test(test_reserved_ranges_that_do_not_fit_take_the_places_of_usable_ones),
        cmocka_unit_test(test_more_reserved_ranges_than_fit_are_refused),
        cmocka_unit_test(test_neighbours_of_one_type_take_one_place),
        cmocka_unit_test(test_memory_map_with_larger_entries_is_read),
        cmocka_unit_test(test_malformed_memory_map_is_refused),
        cmocka_unit_test(test_a_range_that_wraps_is_no_memory_or_reserves_up_to_the_top),
        cmocka_unit_test(test_new_root_pointer_wins_over_the_old_one_in_either_order),
        cmocka_unit_test(test_malformed_framebuffer_is_refused),
        cmocka_unit_test(test_section_headers_must_lie_in_their_tag),
        cmocka_unit_test(test_tag_given_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
