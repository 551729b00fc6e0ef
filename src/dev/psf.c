/* The two formats differ in their headers, and in the width of a unit of the Unicode table. */
#include "dev/psf.h"

#include <asm/errno.h>
#include <stdbool.h>

#include "lib/string.h"

#define MAGIC_1     0x0436U
#define MAGIC_2     0x864ab572U
#define HEADER_1    4U
#define HEADER_2    32U
#define MODE_512    1U /* version 1: 512 glyphs, not 256 */
#define MODE_TABLE  6U /* version 1: a table; one with sequences */
#define FLAGS_TABLE 1U /* version 2 */

struct layout {
    size_t glyphs; /* where they begin */
    uint32_t count;
    uint32_t glyph_size; /* bytes */
    bool table;
    uint32_t unit; /* bytes of one in the table: 2 is a character, 1 a byte of UTF-8 */
};

static int parse_header(const uint8_t *bytes, size_t length, struct layout *out,
                        struct psf_font *font, struct parse_error *error)
{
    if (length >= HEADER_1 && load16(bytes, 0) == MAGIC_1) {
        *out = (struct layout){
            .glyphs = HEADER_1,
            .count = bytes[2] & MODE_512 ? 512 : 256,
            .glyph_size = bytes[3],
            .table = bytes[2] & MODE_TABLE,
            .unit = 2,
        };
        font->width = 8;
        font->height = bytes[3];
        if (font->height == 0 || font->height > PSF_SIZE_MAX)
            return parse_fail(error, -EINVAL, 3, "glyphs of a size that is not supported");
    } else if (length >= HEADER_2 && load32(bytes, 0) == MAGIC_2) {
        *out = (struct layout){
            .glyphs = load32(bytes, 8),
            .count = load32(bytes, 16),
            .glyph_size = load32(bytes, 20),
            .table = load32(bytes, 12) & FLAGS_TABLE,
            .unit = 1,
        };
        font->height = load32(bytes, 24);
        font->width = load32(bytes, 28);
        if (load32(bytes, 4) != 0)
            return parse_fail(error, -EINVAL, 4, "unknown version");
        if (out->glyphs < HEADER_2 || out->glyphs > length)
            return parse_fail(error, -EINVAL, 8, "header size out of range");
        if (font->height == 0 || font->height > PSF_SIZE_MAX)
            return parse_fail(error, -EINVAL, 24, "glyphs of a height that is not supported");
        if (font->width == 0 || font->width > PSF_SIZE_MAX)
            return parse_fail(error, -EINVAL, 28, "glyphs of a width that is not supported");
        if (out->glyph_size != font->height * ((font->width + 7) / 8))
            return parse_fail(error, -EINVAL, 20, "glyph size that does not fit width and height");
    } else {
        return parse_fail(error, -EINVAL, 0, "not a PSF font");
    }
    font->row_size = (font->width + 7) / 8;
    if (out->count > (length - out->glyphs) / out->glyph_size)
        return parse_fail(error, -EINVAL, length, "fewer glyphs than the header says");
    return 0;
}

/* For each glyph the characters that it stands for, then, after a mark, sequences of characters, up
 * to a mark. Of UTF-8 only single bytes matter here, and no byte of a longer character is like one. */
static int parse_table(const uint8_t *bytes, size_t length, const struct layout *layout,
                       struct psf_font *font, struct parse_error *error)
{
    const uint32_t end_mark = layout->unit == 2 ? 0xffff : 0xff, sequence_mark = end_mark - 1;
    const uint8_t *glyph = bytes + layout->glyphs;
    size_t at = layout->glyphs + (size_t)layout->count * layout->glyph_size;
    for (uint32_t i = 0; i < layout->count; i++, glyph += layout->glyph_size) {
        bool in_sequence = false;
        for (;;) {
            if (length - at < layout->unit)
                return parse_fail(error, -EINVAL, at, "Unicode table that ends too early");
            uint32_t unit = layout->unit == 2 ? load16(bytes, at) : bytes[at];
            at += layout->unit;
            if (unit == end_mark)
                break;
            if (unit == sequence_mark)
                in_sequence = true;
            else if (!in_sequence && unit >= PSF_FIRST && unit <= PSF_LAST)
                font->glyphs[unit - PSF_FIRST] = glyph;
        }
    }
    return 0;
}

int psf_parse(const void *bytes, size_t length, struct psf_font *font, struct parse_error *error)
{
    struct layout layout;
    memset(font, 0, sizeof *font);
    int result = parse_header(bytes, length, &layout, font, error);
    if (result)
        return result;
    if (layout.table) {
        result = parse_table(bytes, length, &layout, font, error);
        if (result)
            return result;
    } else {
        for (uint32_t c = PSF_FIRST; c <= PSF_LAST && c < layout.count; c++)
            font->glyphs[c - PSF_FIRST] =
                (const uint8_t *)bytes + layout.glyphs + (size_t)c * layout.glyph_size;
    }
    for (unsigned i = 0; i < PSF_ASCII; i++)
        if (!font->glyphs[i])
            return parse_fail(error, -EINVAL, layout.glyphs, "no glyph for an ASCII character");
    return 0;
}
