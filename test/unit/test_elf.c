// sources: src/task/elf.c
/* Which ELF files are programs for this kernel, and what is said of those that are not. */
#include "task/elf.h"

#include <errno.h>
#include <linux/elf.h>

#include "bytes.h"
#include "mm/layout.h"

static struct elf_image image;
static struct parse_error error;

enum { PHDR_MAX = 20 };

/* A file with its headers in front; what lies behind them is never read. */
static struct {
    Elf64_Ehdr header;
    Elf64_Phdr phdrs[PHDR_MAX];
    uint8_t rest[0x4000];
} file;
static size_t file_size;

static Elf64_Phdr *add(uint32_t type, uint32_t flags, uint64_t vaddr, uint64_t offset,
                       uint64_t filesz, uint64_t memsz)
{
    assert_true(file.header.e_phnum < PHDR_MAX);
    Elf64_Phdr *phdr = &file.phdrs[file.header.e_phnum++];
    *phdr = (Elf64_Phdr){.p_type = type,
                         .p_flags = flags,
                         .p_vaddr = vaddr,
                         .p_offset = offset,
                         .p_filesz = filesz,
                         .p_memsz = memsz,
                         .p_align = 4096};
    return phdr;
}

/* For errors: where phdrs[index] lies in the file. */
static size_t phdr_at(size_t index)
{
    return sizeof(Elf64_Ehdr) + index * sizeof(Elf64_Phdr);
}

static void begin(uint16_t type)
{
    memset(&file, 0, sizeof file);
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS64;
    file.header.e_ident[EI_DATA] = ELFDATA2LSB;
    file.header.e_ident[EI_VERSION] = EV_CURRENT;
    file.header.e_type = type;
    file.header.e_machine = EM_X86_64;
    file.header.e_version = EV_CURRENT;
    file.header.e_phoff = sizeof(Elf64_Ehdr);
    file.header.e_ehsize = sizeof(Elf64_Ehdr);
    file.header.e_phentsize = sizeof(Elf64_Phdr);
    file_size = 0x3000;
}

/* Headers and code at 0x400000, data and bss at 0x403000. */
static void put_program(void)
{
    begin(ET_EXEC);
    add(PT_LOAD, PF_R | PF_X, 0x400000, 0, 0x1800, 0x1800);
    add(PT_LOAD, PF_R | PF_W, 0x403800, 0x1800, 0x400, 0x2000);
    file.header.e_entry = 0x401000;
}

static int parse(void)
{
    return elf_parse(guarded(&file, file_size), file_size, &image, &error);
}

#define assert_no_program(at, reason) assert_refused(parse(), -ENOEXEC, at, reason)

static void test_static_program_is_accepted(void **state)
{
    (void)state;
    put_program();
    add(PT_TLS, PF_R, 0x403800, 0x1800, 0x10, 0x20);
    assert_int_equal(parse(), 0);
    assert_false(image.relocatable);
    assert_false(image.exec_stack);
    assert_int_equal(image.entry, 0x401000);
    assert_int_equal(image.phnum, 3);
    assert_int_equal(image.phdr_vaddr, 0x400040);
    assert_int_equal(image.lowest, 0x400000);
    assert_int_equal(image.highest, 0x405800);
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[0].flags, PF_R | PF_X);
    assert_int_equal(image.segments[1].vaddr, 0x403800);
    assert_int_equal(image.segments[1].memsz, 0x2000);
    assert_int_equal(image.segments[1].offset, 0x1800);
    assert_int_equal(image.segments[1].filesz, 0x400);
    assert_int_equal(image.segments[1].flags, PF_R | PF_W);
}

static void test_static_pie_is_accepted_from_address_zero(void **state)
{
    (void)state;
    begin(ET_DYN);
    add(PT_LOAD, PF_R | PF_X, 0, 0, 0x1800, 0x1800);
    file.header.e_entry = 0x1000;
    assert_int_equal(parse(), 0);
    assert_true(image.relocatable);
    assert_int_equal(image.lowest, 0);
    assert_int_equal(image.highest, 0x1800);
    assert_int_equal(image.phdr_vaddr, 0x40);
}

static void test_program_headers_address_comes_from_its_own_header_first(void **state)
{
    (void)state;
    put_program();
    add(PT_PHDR, PF_R, 0x400123, 0x40, 0x38, 0x38);
    assert_int_equal(parse(), 0);
    assert_int_equal(image.phdr_vaddr, 0x400123);
}

static void test_program_headers_that_are_not_loaded_have_no_address(void **state)
{
    (void)state;
    for (uint64_t loaded = 0xaf; loaded <= 0xb0; loaded++) { /* 0x40 + 2 * 0x38 = 0xb0 */
        begin(ET_EXEC);
        add(PT_LOAD, PF_R, 0x400000, 0, loaded, loaded);
        add(PT_LOAD, PF_R | PF_X, 0x401000, 0x1000, 0x800, 0x800);
        file.header.e_entry = 0x401000;
        assert_int_equal(parse(), 0);
        assert_int_equal(image.phdr_vaddr, loaded == 0xb0 ? 0x400040 : 0);
    }
}

static void test_program_headers_are_found_in_whichever_segment_loads_them(void **state)
{
    (void)state;
    for (uint64_t before = 0; before <= 0x20; before += 0x20) {
        begin(ET_EXEC);
        add(PT_LOAD, PF_R | PF_X, 0x400000, 0x1000, 0x1000, 0x1000);
        add(PT_LOAD, PF_R, 0x402040 - before, 0x40 - before, 0x70 + before, 0x70 + before);
        file.header.e_entry = 0x400000;
        assert_int_equal(parse(), 0);
        assert_int_equal(image.phdr_vaddr, 0x402040);
    }
}

static void test_executable_stack_is_reported(void **state)
{
    (void)state;
    put_program();
    add(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
    assert_int_equal(parse(), 0);
    assert_false(image.exec_stack);
    file.phdrs[2].p_flags |= PF_X;
    assert_int_equal(parse(), 0);
    assert_true(image.exec_stack);
}

static void test_writable_code_is_accepted_as_linux_does(void **state)
{
    (void)state;
    put_program();
    file.phdrs[0].p_flags = PF_R | PF_W | PF_X;
    assert_int_equal(parse(), 0);
    assert_int_equal(image.segments[0].flags, PF_R | PF_W | PF_X);
}

static void test_other_files_are_refused_as_such(void **state)
{
    (void)state;
    static const char script[] = "#!/bin/sh\n";
    assert_refused(elf_parse(guarded(script, 10), 10, &image, &error), -ENOEXEC, 0,
                   "not an ELF file");
    for (file_size = 0; file_size < 4; file_size++)
        assert_no_program(0, "not an ELF file");
    for (size_t at = 0; at < 4; at++) {
        put_program();
        file.header.e_ident[at] ^= 1;
        assert_no_program(0, "not an ELF file");
    }
}

static void test_programs_of_other_kinds_are_refused_as_such(void **state)
{
    (void)state;
    put_program();
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_no_program(4, "a 32-bit program");
    put_program();
    file.header.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_no_program(18, "a program for another machine");
    put_program();
    file.header.e_machine = EM_AARCH64;
    assert_no_program(18, "a program for another machine");
    static const uint16_t types[] = {ET_NONE, ET_REL, ET_CORE, 5};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        put_program();
        file.header.e_type = types[i];
        assert_no_program(16, "not a program (an object or core file)");
    }
}

static void test_dynamic_program_is_refused(void **state)
{
    (void)state;
    put_program();
    add(PT_INTERP, PF_R, 0x400200, 0x200, 0x1c, 0x1c);
    assert_no_program(phdr_at(2), "a dynamic program (link it with -static)");
}

/* The compiler's idea of a program, rather than this file's. */
static void test_this_very_program_is_refused_as_dynamic(void **state)
{
    (void)state;
    FILE *self = fopen("/proc/self/exe", "rb");
    assert_non_null(self);
    static uint8_t bytes[1 << 23];
    size_t size = fread(bytes, 1, sizeof bytes, self);
    fclose(self);
    assert_refused(elf_parse(bytes, size, &image, &error), -ENOEXEC, error.offset,
                   "a dynamic program (link it with -static)");
}

static void test_every_shorter_prefix_is_refused_without_a_read_past_it(void **state)
{
    (void)state;
    for (size_t size = 0; size < 0x1c00; size++) {
        put_program();
        file_size = size;
        assert_int_equal(parse(), -ENOEXEC);
        if (size >= 4 && size < 64)
            assert_no_program(size, "truncated: no whole ELF header");
        else if (size >= 64 && size < 64 + 2 * sizeof(Elf64_Phdr))
            assert_no_program(32, "program headers beyond the file");
        else if (size >= 64)
            assert_no_program(phdr_at(size >= 0x1800),
                              "truncated: a segment beyond the end of the file");
    }
    file_size = 0x1c00;
    assert_int_equal(parse(), 0);
}

static void test_program_header_table_must_lie_in_the_file(void **state)
{
    (void)state;
    static const uint64_t offsets[] = {0x3000 - 2 * sizeof(Elf64_Phdr) + 1,
                                       0x3000,
                                       0x3001,
                                       0x8000000000000000,
                                       UINT64_MAX,
                                       UINT64_MAX - 0x3f};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        put_program();
        file.header.e_phoff = offsets[i];
        assert_no_program(32, "program headers beyond the file");
    }
    put_program();
    file.header.e_phnum = UINT16_MAX;
    assert_no_program(32, "program headers beyond the file");
    static const uint16_t sizes[] = {0, 32, 55, 57, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        put_program();
        file.header.e_phentsize = sizes[i];
        assert_no_program(54, "program headers of a wrong size");
    }
}

static void test_program_header_table_may_end_the_file_at_any_alignment(void **state)
{
    (void)state;
    put_program();
    file.header.e_phoff = file_size - 2 * sizeof(Elf64_Phdr);
    memcpy((uint8_t *)&file + file.header.e_phoff, file.phdrs, 2 * sizeof(Elf64_Phdr));
    assert_int_equal(parse(), 0);
    assert_int_equal(image.phdr_vaddr, 0);
}

static void test_file_without_anything_to_load_is_refused(void **state)
{
    (void)state;
    begin(ET_EXEC);
    assert_no_program(56, "no segment to load");
    add(PT_NOTE, PF_R, 0x400000, 0, 0x100, 0x100);
    add(PT_LOAD, PF_R | PF_X, 0x400000, 0, 0, 0); /* nothing in it */
    assert_no_program(56, "no segment to load");
}

static void test_segment_larger_in_the_file_than_in_memory_is_refused(void **state)
{
    (void)state;
    put_program();
    file.phdrs[1].p_memsz = 0x3ff;
    assert_no_program(phdr_at(1), "a segment larger in the file than in memory");
    file.phdrs[1].p_memsz = 0;
    assert_no_program(phdr_at(1), "a segment larger in the file than in memory");
    file.phdrs[1].p_memsz = 0x400;
    assert_int_equal(parse(), 0);
}

static void test_segment_beyond_the_end_of_the_file_is_refused(void **state)
{
    (void)state;
    static const uint64_t ranges[][2] = {{0x2c00, 0x401},
                                         {0x3000, 1},
                                         {0x3800, 1},
                                         {UINT64_MAX - 0x7ff, 0x800},
                                         {0x7ffffffffffff800, 0x800}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        put_program();
        file.phdrs[1].p_offset = ranges[i][0];
        file.phdrs[1].p_filesz = ranges[i][1];
        assert_no_program(phdr_at(1), "truncated: a segment beyond the end of the file");
    }
    put_program();
    file.phdrs[1].p_vaddr = 0x403c00;
    file.phdrs[1].p_offset = 0x2c00;
    assert_int_equal(parse(), 0);
}

static void test_segment_in_kernel_space_is_refused(void **state)
{
    (void)state;
    static const uint64_t starts[] = {USER_END, USER_END - 0x1000 + 0x800, 0x8000000000000800,
                                      0xffffffff80000800, UINT64_MAX - 0x7ff};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        put_program();
        file.phdrs[1].p_vaddr = starts[i];
        assert_no_program(phdr_at(1), "a segment in kernel space");
    }
    put_program();
    file.phdrs[1].p_memsz = USER_END - 0x403800 + 1;
    assert_no_program(phdr_at(1), "a segment in kernel space");
    file.phdrs[1].p_memsz = UINT64_MAX - 0x100;
    assert_no_program(phdr_at(1), "a segment in kernel space");
    file.phdrs[1].p_memsz = USER_END - 0x403800;
    assert_int_equal(parse(), 0);
    assert_int_equal(image.highest, USER_END);
    file.header.e_type = ET_DYN;
    file.phdrs[1].p_memsz++;
    assert_no_program(phdr_at(1), "a segment in kernel space");
}

static void test_fixed_program_below_user_space_is_refused(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 0x1000, USER_START - 0x1000};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        put_program();
        file.phdrs[0].p_vaddr = starts[i];
        assert_no_program(phdr_at(0), "a segment below the lowest user address");
    }
    file.phdrs[0].p_vaddr = USER_START;
    file.header.e_entry = USER_START;
    assert_int_equal(parse(), 0);
}

static void test_segment_misaligned_in_the_file_is_refused(void **state)
{
    (void)state;
    put_program();
    file.phdrs[1].p_vaddr++;
    assert_no_program(phdr_at(1), "a segment misaligned in the file");
    put_program();
    file.phdrs[1].p_offset ^= 0x800;
    assert_no_program(phdr_at(1), "a segment misaligned in the file");
}

static void test_segment_without_file_bytes_may_say_any_offset(void **state)
{
    (void)state;
    put_program();
    file.phdrs[1].p_offset = 0x123456789;
    file.phdrs[1].p_filesz = 0;
    assert_int_equal(parse(), 0);
    assert_int_equal(image.segments[1].offset, 0);
    assert_int_equal(image.segments[1].filesz, 0);
}

static void test_overlapping_or_unordered_segments_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t start;
        const char *reason;
    } cases[] = {
        {0x3ff800, "segments not in ascending order"},
        {0x400800, "overlapping segments"},
        {0x401800 - 0x1000, "overlapping segments"},
        {0x401800, "two segments in one page"},
        {0x402800, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_program();
        file.phdrs[1].p_vaddr = cases[i].start;
        if (cases[i].reason)
            assert_no_program(phdr_at(1), cases[i].reason);
        else
            assert_int_equal(parse(), 0);
    }
    put_program(); /* the first ends exactly where a page does */
    file.phdrs[0].p_memsz = 0x2000;
    file.phdrs[1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = 0x402000, .p_memsz = 1};
    assert_int_equal(parse(), 0);
    file.phdrs[0].p_memsz++;
    assert_no_program(phdr_at(1), "overlapping segments");
    file.phdrs[1].p_vaddr = 0x402001;
    assert_no_program(phdr_at(1), "two segments in one page");
    file.phdrs[1].p_vaddr = 0x400000;
    assert_no_program(phdr_at(1), "overlapping segments");
}

static void test_entry_point_outside_executable_code_is_refused(void **state)
{
    (void)state;
    static const uint64_t bad[] = {0, 0x3fffff, 0x401800, 0x403800, 0x405800, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_program();
        file.header.e_entry = bad[i];
        assert_no_program(24, "an entry point outside executable code");
    }
    static const uint64_t good[] = {0x400000, 0x4017ff};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        put_program();
        file.header.e_entry = good[i];
        assert_int_equal(parse(), 0);
    }
}

static void test_sixteen_segments_fit_and_one_more_is_refused(void **state)
{
    (void)state;
    begin(ET_EXEC);
    file.header.e_entry = 0x400000;
    for (uint64_t i = 0; i < ELF_SEGMENT_MAX; i++)
        add(PT_LOAD, PF_R | PF_X, 0x400000 + 0x1000 * i, 0x1000, 0x1000, 0x1000);
    assert_int_equal(parse(), 0);
    assert_int_equal(image.segment_count, ELF_SEGMENT_MAX);
    assert_int_equal(image.phdr_vaddr, 0);
    file.header.e_entry = 0x500000;
    assert_no_program(24, "an entry point outside executable code");
    add(PT_LOAD, PF_R, 0x500000, 0, 0x1000, 0x1000);
    assert_no_program(phdr_at(ELF_SEGMENT_MAX), "too many segments");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_static_program_is_accepted),
        cmocka_unit_test(test_static_pie_is_accepted_from_address_zero),
        cmocka_unit_test(test_program_headers_address_comes_from_its_own_header_first),
        cmocka_unit_test(test_program_headers_that_are_not_loaded_have_no_address),
        cmocka_unit_test(test_program_headers_are_found_in_whichever_segment_loads_them),
        cmocka_unit_test(test_executable_stack_is_reported),
        cmocka_unit_test(test_writable_code_is_accepted_as_linux_does),
        cmocka_unit_test(test_other_files_are_refused_as_such),
        cmocka_unit_test(test_programs_of_other_kinds_are_refused_as_such),
        cmocka_unit_test(test_dynamic_program_is_refused),
        cmocka_unit_test(test_this_very_program_is_refused_as_dynamic),
        cmocka_unit_test(test_every_shorter_prefix_is_refused_without_a_read_past_it),
        cmocka_unit_test(test_program_header_table_must_lie_in_the_file),
        cmocka_unit_test(test_program_header_table_may_end_the_file_at_any_alignment),
        cmocka_unit_test(test_file_without_anything_to_load_is_refused),
        cmocka_unit_test(test_segment_larger_in_the_file_than_in_memory_is_refused),
        cmocka_unit_test(test_segment_beyond_the_end_of_the_file_is_refused),
        cmocka_unit_test(test_segment_in_kernel_space_is_refused),
        cmocka_unit_test(test_fixed_program_below_user_space_is_refused),
        cmocka_unit_test(test_segment_misaligned_in_the_file_is_refused),
        cmocka_unit_test(test_segment_without_file_bytes_may_say_any_offset),
        cmocka_unit_test(test_overlapping_or_unordered_segments_are_refused),
        cmocka_unit_test(test_entry_point_outside_executable_code_is_refused),
        cmocka_unit_test(test_sixteen_segments_fit_and_one_more_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
