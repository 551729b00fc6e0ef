// sources: src/dev/psf.c
/* The font parser: both versions, with and without their Unicode table, and every way one can be bad. */
#include "dev/psf.h"

#include <errno.h>

#include "bytes.h"

static struct bytes in;
static struct psf_font font;
static struct parse_error error;

static int parse(void)
{
    return psf_parse(guarded(in.data, in.size), in.size, &font, &error);
}

/* Glyph i consists of bytes i, up to 255. */
static void put_glyphs(unsigned count, unsigned size)
{
    for (unsigned i = 0; i < count * size; i++)
        put_int(&in, 1, i / size);
}

static void begin_1(unsigned mode, unsigned height)
{
    in.size = 0;
    put_int(&in, 2, 0x0436);
    put_int(&in, 1, mode);
    put_int(&in, 1, height);
}

static void begin_2(unsigned flags, unsigned count, unsigned width, unsigned height)
{
    in.size = 0;
    put_int(&in, 4, 0x864ab572);
    put_int(&in, 4, 0);
    put_int(&in, 4, 32);
    put_int(&in, 4, flags);
    put_int(&in, 4, count);
    put_int(&in, 4, height * ((width + 7) / 8));
    put_int(&in, 4, height);
    put_int(&in, 4, width);
}

static void assert_glyph(char character, unsigned number)
{
    const uint8_t *glyph = font.glyphs[character - PSF_FIRST];
    for (unsigned i = 0; i < font.row_size * font.height; i++)
        assert_int_equal(glyph[i], number);
}

static void test_without_a_table_a_glyph_is_numbered_as_its_character(void **state)
{
    (void)state;
    begin_1(0, 16);
    put_glyphs(256, 16);
    assert_int_equal(parse(), 0);
    assert_int_equal(font.width, 8);
    assert_int_equal(font.height, 16);
    assert_int_equal(font.row_size, 1);
    for (int c = PSF_FIRST; c <= PSF_LAST; c++)
        assert_glyph((char)c, (unsigned)c);
    begin_2(0, 127, 12, 24);
    put_glyphs(127, 48);
    assert_int_equal(parse(), 0);
    assert_int_equal(font.width, 12);
    assert_int_equal(font.height, 24);
    assert_int_equal(font.row_size, 2);
    for (int c = PSF_FIRST; c <= PSF_LAST; c++)
        assert_glyph((char)c, (unsigned)c);
}

static void test_a_table_of_version_1_says_where_the_characters_are(void **state)
{
    (void)state;
    begin_1(3, 2); /* 512 glyphs, a table */
    put_glyphs(512, 2);
    for (unsigned i = 0; i < 512; i++) {
        if (i < PSF_ASCII) {
            put_int(&in, 2, 0x2500 + i);
            put_int(&in, 2, PSF_LAST - i);
        }
        put_int(&in, 2, 0xfffe); /* a sequence that begins with an A is not an A */
        put_int(&in, 2, 'A');
        put_int(&in, 2, 0x301);
        put_int(&in, 2, 0xffff);
    }
    assert_int_equal(parse(), 0);
    for (int c = PSF_FIRST; c <= PSF_LAST; c++)
        assert_glyph((char)c, (unsigned)(PSF_LAST - c));
}

static void test_a_table_of_version_2_is_in_utf_8(void **state)
{
    (void)state;
    begin_2(1, 100, 8, 1);
    put_glyphs(100, 1);
    for (unsigned i = 0; i < 100; i++) {
        put(&in, "\xe2\x94\x80", 3);
        if (i < PSF_ASCII)
            put_int(&in, 1, PSF_FIRST + i);
        put(&in,
            "\xfe"
            "A\xcc\x81\xff",
            5);
    }
    assert_int_equal(parse(), 0);
    for (int c = PSF_FIRST; c <= PSF_LAST; c++)
        assert_glyph((char)c, (unsigned)(c - PSF_FIRST));
}

static void test_a_longer_header_is_passed_over(void **state)
{
    (void)state;
    begin_2(0, 127, 8, 8);
    set_int(&in, 8, 4, 40);
    put_zeros(&in, 8);
    put_glyphs(127, 8);
    assert_int_equal(parse(), 0);
    assert_glyph('A', 'A');
}

static void test_what_is_no_font_is_refused(void **state)
{
    (void)state;
    in.size = 0;
    assert_refused(parse(), -EINVAL, 0, "not a PSF font");
    put(&in, "\x1f\x8b\x08 still compressed, as the package has it", 43);
    assert_refused(parse(), -EINVAL, 0, "not a PSF font");
    begin_2(0, 0, 8, 16);
    in.size--;
    assert_refused(parse(), -EINVAL, 0, "not a PSF font");
}

static void test_a_bad_header_is_refused_at_its_field(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint64_t value;
        const char *what;
    } bad[] = {
        {4, 1, "unknown version"},
        {8, 31, "header size out of range"},
        {8, 32 + 127 * 8 + 1, "header size out of range"},
        {24, 0, "glyphs of a height that is not supported"},
        {24, PSF_SIZE_MAX + 1, "glyphs of a height that is not supported"},
        {28, 0, "glyphs of a width that is not supported"},
        {28, UINT32_MAX, "glyphs of a width that is not supported"},
        {20, 0, "glyph size that does not fit width and height"},
        {20, 9, "glyph size that does not fit width and height"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin_2(0, 127, 8, 8);
        put_glyphs(127, 8);
        assert_int_equal(parse(), 0);
        set_int(&in, bad[i].at, 4, bad[i].value);
        assert_refused(parse(), -EINVAL, bad[i].at, bad[i].what);
    }
    begin_1(0, 0);
    assert_refused(parse(), -EINVAL, 3, "glyphs of a size that is not supported");
    begin_1(0, PSF_SIZE_MAX + 1);
    assert_refused(parse(), -EINVAL, 3, "glyphs of a size that is not supported");
}

static void test_glyphs_beyond_the_end_are_refused(void **state)
{
    (void)state;
    begin_1(0, 16);
    put_glyphs(256, 16);
    in.size--;
    assert_refused(parse(), -EINVAL, in.size, "fewer glyphs than the header says");
    begin_2(0, UINT32_MAX, 8, 16);
    put_glyphs(128, 16);
    assert_refused(parse(), -EINVAL, in.size, "fewer glyphs than the header says");
}

static void test_a_table_that_is_cut_is_refused(void **state)
{
    (void)state;
    begin_1(2, 1);
    put_glyphs(256, 1);
    assert_refused(parse(), -EINVAL, in.size, "Unicode table that ends too early");
    put_int(&in, 1, 'A');
    assert_refused(parse(), -EINVAL, in.size - 1, "Unicode table that ends too early");
    begin_2(1, 127, 8, 1);
    put_glyphs(127, 1);
    put(&in,
        "A\xff"
        "B",
        3);
    assert_refused(parse(), -EINVAL, in.size, "Unicode table that ends too early");
}

static void test_a_font_without_every_ascii_character_is_refused(void **state)
{
    (void)state;
    begin_2(0, PSF_LAST, 8, 1);
    put_glyphs(PSF_LAST, 1);
    assert_refused(parse(), -EINVAL, 32, "no glyph for an ASCII character");
    begin_2(1, 127, 8, 1);
    put_glyphs(127, 1);
    for (unsigned i = 0; i < 127; i++) {
        if (i != 'x')
            put_int(&in, 1, i);
        put_int(&in, 1, 0xff);
    }
    assert_refused(parse(), -EINVAL, 32, "no glyph for an ASCII character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_table_a_glyph_is_numbered_as_its_character),
        cmocka_unit_test(test_a_table_of_version_1_says_where_the_characters_are),
        cmocka_unit_test(test_a_table_of_version_2_is_in_utf_8),
        cmocka_unit_test(test_a_longer_header_is_passed_over),
        cmocka_unit_test(test_what_is_no_font_is_refused),
        cmocka_unit_test(test_a_bad_header_is_refused_at_its_field),
        cmocka_unit_test(test_glyphs_beyond_the_end_are_refused),
        cmocka_unit_test(test_a_table_that_is_cut_is_refused),
        cmocka_unit_test(test_a_font_without_every_ascii_character_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
