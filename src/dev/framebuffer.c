/* Draws characters into a linear framebuffer of any RGB format of 15 to 32 bits. Written in words as
 * large as the processor has, from left to right, since a store to a graphics card costs much the same
 * whatever its width; never read. */
#include "dev/framebuffer.h"
#include "boot/multiboot2.h"
#include "dev/psf.h"
#include "lib/format.h"
#include "lib/string.h"

#define SIDE_MAX  16384U
#define BYTES_MAX (256UL << 20)
#define LOWEST    0x100000UL /* below lie memory, VGA's windows and the firmware */
#define RESERVED_START                                                                             \
    0xfec00000UL /* from here to 4 GiB: interrupt controllers, the firmware's ROM */
#define RESERVED_END 0x100000000UL

/* The largest scale at which there is room for so many characters. With a font of 8x16: 1024x768 has
 * 128x48, 1920x1080 has 240x67, and 2560x1440 and 3840x2160, at scales 2 and 3, have 160x45. */
#define COLUMNS_WANTED 128U
#define ROWS_WANTED    45U
#define COLUMNS_LEAST  40U
#define ROWS_LEAST     15U
#define SCALE_MAX      8U
#define SHADE          0xaaU /* of 255, in each colour: VGA's light grey */

/* A store at any alignment, of memory of any type. */
typedef uint64_t __attribute__((aligned(1), may_alias)) word_t;

static struct {
    volatile uint8_t *pixels; /* where it is mapped */
    phys_addr_t address;
    uint32_t pitch; /* bytes from row to row */
    uint32_t width, height;
    uint32_t pixel_size; /* bytes */
    uint32_t ink;        /* a pixel of a character's; the others are 0 */
    uint32_t scale;      /* the side of a font's pixel, in pixels */
    uint32_t glyph_width, glyph_height, row_size;
    uint8_t glyphs[PSF_ASCII][PSF_SIZE_MAX * PSF_SIZE_MAX / 8];
} fb;
static struct display display;

static void store(volatile uint8_t *to, const uint8_t *from, size_t size)
{
    for (; size >= sizeof(word_t); size -= sizeof(word_t)) {
        *(volatile word_t *)to = *(const word_t *)from;
        to += sizeof(word_t);
        from += sizeof(word_t);
    }
    while (size--)
        *to++ = *from++;
}

static void clear(void)
{
    static const uint8_t black[256];
    size_t row_size = (size_t)fb.width * fb.pixel_size;
    for (uint32_t y = 0; y < fb.height; y++) {
        volatile uint8_t *to = fb.pixels + (size_t)y * fb.pitch;
        for (size_t left = row_size; left;) {
            size_t part = left < sizeof black ? left : sizeof black;
            store(to, black, part);
            to += part;
            left -= part;
        }
    }
}

/* bits: the glyph's row, its leftmost pixel in bit 31. Returns the row's bytes. */
static size_t make_row(uint8_t *to, uint32_t bits)
{
    const uint8_t *start = to;
    for (uint32_t x = 0; x < fb.glyph_width; x++, bits <<= 1) {
        uint32_t pixel = bits >> 31 ? fb.ink : 0;
        for (uint32_t i = 0; i < fb.scale; i++, to += fb.pixel_size) {
            to[0] = (uint8_t)pixel;
            to[1] = (uint8_t)(pixel >> 8);
            if (fb.pixel_size > 2)
                to[2] = (uint8_t)(pixel >> 16);
            if (fb.pixel_size > 3)
                to[3] = (uint8_t)(pixel >> 24);
        }
    }
    return (size_t)(to - start);
}

static void draw(unsigned row, unsigned column, uint8_t character)
{
    static uint8_t pixels[PSF_SIZE_MAX * SCALE_MAX * sizeof(uint32_t)]; /* one row of them */
    size_t size = 0;
    uint32_t last = 0;
    const uint8_t *glyph = fb.glyphs[character - PSF_FIRST];
    volatile uint8_t *to = fb.pixels + (size_t)row * fb.glyph_height * fb.scale * fb.pitch +
                           (size_t)column * fb.glyph_width * fb.scale * fb.pixel_size;
    for (uint32_t y = 0; y < fb.glyph_height; y++) {
        uint32_t bits = 0;
        for (uint32_t i = 0; i < fb.row_size; i++)
            bits |= (uint32_t)*glyph++ << (24 - 8 * i);
        if (!size || bits != last) /* many rows of a glyph are like the one above */
            size = make_row(pixels, bits);
        last = bits;
        for (uint32_t i = 0; i < fb.scale; i++, to += fb.pitch)
            store(to, pixels, size);
    }
}

static bool overlaps(phys_addr_t start, phys_addr_t end, phys_addr_t from, phys_addr_t to)
{
    return start < to && from < end;
}

/* Whether the bytes [start, end) can be a graphics card's, or what they are instead. */
static const char *check_place(const struct boot_info *boot, phys_addr_t information,
                               struct framebuffer_range image, phys_addr_t start, phys_addr_t end)
{
    if (start < LOWEST)
        return "in the first MiB";
    if (overlaps(start, end, RESERVED_START, RESERVED_END))
        return "where interrupt controllers are";
    if (overlaps(start, end, image.start, image.end))
        return "over the kernel";
    if (overlaps(start, end, information, information + boot->length))
        return "over the boot information";
    for (size_t i = 0; i < boot->memory_count; i++) {
        const struct boot_memory *m = &boot->memory[i];
        if (m->type != BOOT_MEMORY_RESERVED && overlaps(start, end, m->base, m->base + m->size))
            return "in memory";
    }
    for (size_t i = 0; i < boot->module_count; i++)
        if (overlaps(start, end, boot->modules[i].start, boot->modules[i].end))
            return "over a module";
    return NULL;
}

static bool make_ink(const struct boot_framebuffer *from)
{
    fb.ink = 0;
    for (unsigned i = 0; i < 3; i++) {
        unsigned position = from->colours[i].position, size = from->colours[i].size;
        if (size == 0 || size > 16 || position + size > from->bits_per_pixel)
            return false;
        fb.ink |= (size <= 8 ? SHADE >> (8 - size) : SHADE << (size - 8)) << position;
    }
    return true;
}

static const char *check_format(const struct boot_framebuffer *from)
{
    fb.pixel_size = (from->bits_per_pixel + 7U) / 8;
    if (from->type != BOOT_FRAMEBUFFER_RGB)
        return "not of RGB pixels";
    if (from->bits_per_pixel < 15 || fb.pixel_size > sizeof(uint32_t))
        return "not of 15 to 32 bits a pixel";
    if (!make_ink(from))
        return "of colours that lie in no pixel";
    if (from->width == 0 || from->width > SIDE_MAX || from->height == 0 || from->height > SIDE_MAX)
        return "of an impossible size";
    if (from->pitch < from->width * fb.pixel_size ||
        (uint64_t)from->pitch * from->height > BYTES_MAX)
        return "of rows of an impossible length";
    if (from->address + (uint64_t)from->pitch * from->height < from->address)
        return "that wraps around";
    return NULL;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many characters, how large. False where there is room for too few. */
static bool arrange(const struct psf_font *font)
{
    unsigned scale = smaller(fb.width / (font->width * COLUMNS_WANTED),
                             fb.height / (font->height * ROWS_WANTED));
    fb.scale = scale ? smaller(scale, SCALE_MAX) : 1;
    fb.glyph_width = font->width;
    fb.glyph_height = font->height;
    fb.row_size = font->row_size;
    for (unsigned i = 0; i < PSF_ASCII; i++)
        memcpy(fb.glyphs[i], font->glyphs[i], (size_t)font->row_size * font->height);
    unsigned columns = fb.width / (font->width * fb.scale);
    unsigned rows = fb.height / (font->height * fb.scale);
    if (columns < COLUMNS_LEAST || rows < ROWS_LEAST)
        return false;
    display = (struct display){
        .columns = smaller(columns, SCREEN_COLUMNS_MAX),
        .rows = smaller(rows, SCREEN_ROWS_MAX),
        .clear = clear,
        .draw = draw,
    };
    /* Each row of the font's is laid out once, at some ten instructions a pixel, and stored for each of
     * the display's, at some six a word. */
    unsigned pixels = font->width * fb.scale * font->height;
    display.cell_cost = 100 + pixels * 10 + pixels * fb.scale * fb.pixel_size / 8 * 6;
    /* To scroll is to draw nearly all anew: several rows at once, that a long log does not wait. */
    display.scroll_rows = display.rows / 8;
    return true;
}

const struct display *framebuffer_init(const struct boot_info *boot, phys_addr_t information,
                                       struct framebuffer_range image, const void *font,
                                       size_t font_size, char verdict[FRAMEBUFFER_VERDICT])
{
    const struct boot_framebuffer *from = &boot->framebuffer;
    fb.address = fb.pitch = 0;
    size_t used =
        format(verdict, FRAMEBUFFER_VERDICT, "framebuffer %ux%u, %u bits a pixel at 0x%lx",
               from->width, from->height, from->bits_per_pixel, from->address);
    const size_t room =
        FRAMEBUFFER_VERDICT - used; /* the numbers have no more than 75 characters */
    const char *wrong = check_format(from);
    if (!wrong)
        wrong = check_place(boot, information, image, from->address,
                            from->address + (uint64_t)from->pitch * from->height);
    if (wrong) {
        format(verdict + used, room, ": %s: not used", wrong);
        return NULL;
    }
    if (!font_size) {
        format(verdict + used, room, ": no font: not used");
        return NULL;
    }
    struct psf_font parsed;
    struct parse_error error;
    if (psf_parse(font, font_size, &parsed, &error)) {
        format(verdict + used, room, ": font: %s at byte %zu: not used", error.what, error.offset);
        return NULL;
    }
    fb.width = from->width;
    fb.height = from->height;
    if (!arrange(&parsed)) {
        format(verdict + used, room, ": too small: not used");
        return NULL;
    }
    fb.address = from->address;
    fb.pitch = from->pitch;
    format(verdict + used, room, ": %u columns, %u rows, font %ux%u, scale %u", display.columns,
           display.rows, parsed.width, parsed.height, fb.scale);
    return &display;
}

struct framebuffer_range framebuffer_range(void)
{
    return (struct framebuffer_range){fb.address, fb.address + (uint64_t)fb.pitch * fb.height};
}

void framebuffer_use(void *mapped)
{
    fb.pixels = mapped;
}
