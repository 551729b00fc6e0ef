// sources: src/dev/psf.c
/* The first byte chooses a header that gets past the first checks, or none: a file that begins as a font
 * does is taken as it is. */
#include "dev/psf.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct psf_font font;
    struct parse_error error;
    uint8_t choice = size && data[0] != 0x36 && data[0] != 0x72 ? data[0] : 0; /* PSF 1, PSF 2 */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    if (choice & 1 && size >= 4) {
        memcpy(copy, (const uint8_t[]){0x36, 0x04, choice >> 1 & 7, 1 + (choice >> 5)}, 4);
    } else if (choice & 2 && size >= 32) {
        uint32_t width = 1 + data[1] % PSF_SIZE_MAX, height = 1 + data[2] % 4;
        const uint32_t header[] = {
            0x864ab572, 0, 32, choice >> 2 & 1, data[3], height * ((width + 7) / 8), height, width};
        memcpy(copy, header, sizeof header);
    }

    int result = psf_parse(copy, size, &font, &error);
    if (result) {
        CHECK(result == -EINVAL && error.offset <= size && strlen(error.what) > 0);
        free(copy);
        return 0;
    }
    CHECK(font.width > 0 && font.width <= PSF_SIZE_MAX && font.row_size == (font.width + 7) / 8);
    CHECK(font.height > 0 && font.height <= PSF_SIZE_MAX);
    unsigned sum = 0;
    for (unsigned i = 0; i < PSF_ASCII; i++) {
        CHECK(font.glyphs[i] > copy);
        for (uint32_t j = 0; j < font.row_size * font.height; j++)
            sum += font.glyphs[i][j];
    }
    free(copy);
    return sum == 1; /* the sum is used, so that the reads happen; inputs need not be kept */
}
