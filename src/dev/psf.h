/* PSF, the console fonts of Linux: version 1 (8 pixels wide) and version 2. */
#pragma once

#include "lib/parse.h"

#define PSF_SIZE_MAX 32 /* pixels, in width and in height */
#define PSF_FIRST    ' '
#define PSF_LAST     '~'
#define PSF_ASCII    (PSF_LAST - PSF_FIRST + 1)

/* Pictures of the printable ASCII characters: height rows of (width + 7) / 8 bytes each, the leftmost
 * pixel in the highest bit of a row's first byte. They point into the parsed bytes. */
struct psf_font {
    uint32_t width, height; /* pixels, 1 to PSF_SIZE_MAX */
    uint32_t row_size;      /* bytes */
    const uint8_t *glyphs[PSF_ASCII];
};

/* Finds the characters by the font's Unicode table; where it has none, a glyph's number is its
 * character's code. 0, or -EINVAL when it is no such font, has no glyph for one of the characters, or
 * is larger than we take. */
int psf_parse(const void *bytes, size_t length, struct psf_font *font, struct parse_error *error);
