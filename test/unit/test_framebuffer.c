// sources: src/dev/framebuffer.c src/dev/screen.c src/dev/psf.c src/lib/format.c test/unit/stubs.c
/* The terminal on a framebuffer: every pixel of it, in every format; that it draws what has changed,
 * and all of it after a panic has come between; which framebuffers are refused. */
#include "stubs.h"
#include "dev/framebuffer.h"
#include <limits.h>
#include <string.h>

#include "boot/multiboot2.h"
#include "dev/psf.h"

#define MIB         0x100000UL
#define INFORMATION 0xa0000000UL

static uint8_t font[32 + 127 * PSF_SIZE_MAX * PSF_SIZE_MAX / 8];
static size_t font_size;
static unsigned font_width, font_height;
static struct boot_info info;
static char verdict[FRAMEBUFFER_VERDICT];
static uint8_t *pixels; /* exactly as large as the framebuffer */
static const struct display *display;

/* A font of random dots, but for the blank. */
static void make_font(unsigned width, unsigned height)
{
    unsigned row_size = (width + 7) / 8;
    const uint32_t header[] = {0x864ab572, 0, 32, 0, 127, height * row_size, height, width};
    memcpy(font, header, sizeof header);
    font_size = sizeof header + (size_t)127 * height * row_size;
    for (size_t i = sizeof header; i < font_size; i++)
        font[i] = (uint8_t)test_random();
    memset(font + sizeof header + ' ' * height * row_size, 0, height * row_size);
    font_width = width;
    font_height = height;
}

static void make_framebuffer(unsigned width, unsigned height, unsigned bits)
{
    static const uint8_t colours[][3][2] = {
        [15] = {{10, 5}, {5, 5}, {0, 5}}, [16] = {{11, 5}, {5, 6}, {0, 5}},
        [24] = {{16, 8}, {8, 8}, {0, 8}}, [30] = {{20, 10}, {10, 10}, {0, 10}},
        [32] = {{0, 8}, {8, 8}, {16, 8}},
    };
    memset(&info, 0, sizeof info);
    struct boot_framebuffer *fb = &info.framebuffer;
    *fb = (struct boot_framebuffer){
        .address = 0xc0000000,
        .pitch = width * ((bits + 7) / 8) + 12,
        .width = width,
        .height = height,
        .bits_per_pixel = (uint8_t)bits,
        .type = 1,
    };
    memcpy(fb->colours, colours[bits], sizeof fb->colours);
    info.memory[info.memory_count++] = (struct boot_memory){0, 0xa0000, BOOT_MEMORY_USABLE};
    info.memory[info.memory_count++] = (struct boot_memory){MIB, 511 * MIB, BOOT_MEMORY_USABLE};
    info.memory[info.memory_count++] =
        (struct boot_memory){0xb0000000, 256 * MIB, BOOT_MEMORY_RESERVED};
}

static const struct display *init(void)
{
    const struct framebuffer_range image = {16 * MIB, 20 * MIB};
    display = framebuffer_init(&info, INFORMATION, image, font, font_size, verdict);
    return display;
}

/* Also: what the loader left in it is neither black nor what we draw. */
static void start(void)
{
    assert_non_null(init());
    struct framebuffer_range range = framebuffer_range();
    assert_int_equal(range.start, info.framebuffer.address);
    assert_int_equal(range.end - range.start,
                     (size_t)info.framebuffer.pitch * info.framebuffer.height);
    free(pixels);
    pixels = malloc(range.end - range.start);
    memset(pixels, 0xa5, range.end - range.start);
    framebuffer_use(pixels);
    screen_init(display);
    screen_show();
}

static void say(const char *text)
{
    screen_write(text, strlen(text));
    screen_draw(LONG_MAX);
}

static uint32_t pixel(unsigned x, unsigned y)
{
    const struct boot_framebuffer *fb = &info.framebuffer;
    uint32_t value = 0;
    size_t size = (fb->bits_per_pixel + 7U) / 8;
    memcpy(&value, pixels + (size_t)y * fb->pitch + x * size, size);
    return value;
}

static unsigned scale_of(void)
{
    return (unsigned)strtoul(strstr(verdict, "scale ") + 6, NULL, 10);
}

/* rows: what should be seen, from the first row on; NULL ends it. */
static void assert_picture(const char *const *rows, uint32_t ink)
{
    const struct boot_framebuffer *fb = &info.framebuffer;
    unsigned cell_width = font_width * scale_of(), cell_height = font_height * scale_of();
    for (unsigned y = 0; y < fb->height; y++) {
        const char *row = "";
        for (unsigned i = 0; i <= y / cell_height && rows[i]; i++)
            row = i == y / cell_height ? rows[i] : "";
        for (unsigned x = 0; x < fb->width; x++) {
            unsigned column = x / cell_width;
            bool inside = column < strlen(row) && column < display->columns;
            unsigned dot_x = x % cell_width / scale_of(), dot_y = y % cell_height / scale_of();
            size_t row_size = (font_width + 7) / 8;
            const uint8_t *glyph =
                font + 32 + (size_t)(inside ? row[column] : ' ') * font_height * row_size;
            bool set = glyph[dot_y * row_size + dot_x / 8] >> (7 - dot_x % 8) & 1;
            if (pixel(x, y) != (set ? ink : 0))
                fail_msg("pixel %u,%u: %#x", x, y, pixel(x, y));
        }
        for (unsigned i = 0; i < 12; i++) /* between the rows nothing is written */
            assert_int_equal(pixels[(size_t)(y + 1) * fb->pitch - 1 - i], 0xa5);
    }
}

static void test_characters_are_drawn_dot_by_dot_in_every_format(void **state)
{
    (void)state;
    static const struct {
        unsigned bits;
        uint32_t ink;
    } formats[] = {
        {15, 0x15 << 10 | 0x15 << 5 | 0x15},
        {16, 0x15 << 11 | 0x2a << 5 | 0x15},
        {24, 0xaaaaaa},
        {30, 0x2a8U << 20 | 0x2a8U << 10 | 0x2a8U},
        {32, 0xaaaaaa},
    };
    static const struct {
        unsigned font_width, font_height, width, height, scale;
    } sizes[] = {
        {8, 16, 1030, 775, 1}, /* a strip at the right and one at the bottom stay black */
        {8, 16, 2048, 1440, 2}, {9, 7, 360, 105, 1}, {12, 24, 640, 400, 1}, {32, 32, 1280, 480, 1},
    };
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            make_font(sizes[s].font_width, sizes[s].font_height);
            make_framebuffer(sizes[s].width, sizes[s].height, formats[f].bits);
            start();
            assert_int_equal(scale_of(), sizes[s].scale);
            say("The first row~\n\tthe \x1b[1msecond\n\n!\"#$ fourth");
            static const char *const rows[] = {"The first row~", "        the second", "",
                                               "!\"#$ fourth", NULL};
            assert_picture(rows, formats[f].ink);
        }
    }
}

static void test_the_scale_grows_with_the_screen(void **state)
{
    (void)state;
    static const struct {
        unsigned width, height;
        const char *says;
    } sizes[] = {
        {640, 480, "80 columns, 30 rows, font 8x16, scale 1"},
        {1024, 768, "128 columns, 48 rows, font 8x16, scale 1"},
        {1920, 1080, "240 columns, 67 rows, font 8x16, scale 1"},
        {2560, 1440, "160 columns, 45 rows, font 8x16, scale 2"},
        {3840, 2160, "160 columns, 45 rows, font 8x16, scale 3"},
        {7680, 4320, "160 columns, 45 rows, font 8x16, scale 6"},
        {2160, 3840, "135 columns, 120 rows, font 8x16, scale 2"},
        {5120, 720, "256 columns, 45 rows, font 8x16, scale 1"}, /* no more than we keep */
        {1024, 4096, "128 columns, 128 rows, font 8x16, scale 1"},
    };
    make_font(8, 16);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make_framebuffer(sizes[i].width, sizes[i].height, 32);
        assert_non_null(init());
        assert_non_null(strstr(verdict, sizes[i].says));
    }
}

static uint8_t *picture(void)
{
    size_t size = (size_t)info.framebuffer.pitch * info.framebuffer.height;
    uint8_t *copy = malloc(size);
    memcpy(copy, pixels, size);
    return copy;
}

static void assert_as_drawn_anew(void)
{
    uint8_t *drawn = picture();
    screen_show();
    assert_memory_equal(drawn, pixels, (size_t)info.framebuffer.pitch * info.framebuffer.height);
    free(drawn);
}

static void test_whatever_is_written_the_picture_is_that_of_the_text(void **state)
{
    (void)state;
    make_font(8, 8);
    make_framebuffer(320, 160, 32);
    start();
    for (unsigned i = 0; i < 150; i++) {
        char bytes[200];
        size_t length = random_below(sizeof bytes);
        for (size_t j = 0; j < length; j++)
            bytes[j] = random_below(8) ? (char)(' ' + random_below(95))
                                       : "\n\n\n\r\b\t\x1b\xc3"[random_below(8)];
        screen_write(bytes, length);
        screen_draw(LONG_MAX);
        assert_as_drawn_anew();
    }
}

static void test_a_long_log_leaves_its_last_lines(void **state)
{
    (void)state;
    make_font(8, 16);
    make_framebuffer(1024, 768, 32);
    start();
    char line[40];
    for (unsigned i = 1; i <= 1000; i++) {
        snprintf(line, sizeof line, "%sline %u", i > 1 ? "\n" : "", i);
        say(line);
    }
    /* The text moves by 6 rows when the 48th is full: after 48 + 6 n lines it has moved n + 1 times. */
    static char texts[48][16];
    const char *rows[49] = {0};
    unsigned top = (1000 - 48 + 5) / 6 * 6 + 1;
    for (unsigned i = 0; top + i <= 1000; i++) {
        snprintf(texts[i], sizeof texts[i], "line %u", top + i);
        rows[i] = texts[i];
    }
    assert_picture(rows, 0xaaaaaa);
}

static void test_only_what_has_changed_is_drawn(void **state)
{
    (void)state;
    make_font(8, 16);
    make_framebuffer(640, 480, 32);
    start();
    say("first\nsecond");
    memset(pixels, 0x77, (size_t)info.framebuffer.pitch * 8); /* the upper half of the first row */
    say("\rSecond\nthird");
    for (unsigned x = 0; x < 640; x++)
        assert_int_equal(pixel(x, 3), 0x77777777);
    screen_show();
    static const char *const rows[] = {"first", "Second", "third", NULL};
    for (unsigned y = 0; y < 480; y++) /* as assert_picture looks for it */
        memset(pixels + (size_t)(y + 1) * info.framebuffer.pitch - 12, 0xa5, 12);
    assert_picture(rows, 0xaaaaaa);
}

static void test_nothing_is_drawn_before_the_screen_is_shown_and_nothing_is_lost(void **state)
{
    (void)state;
    make_font(8, 16);
    make_framebuffer(640, 480, 24);
    start();
    memset(pixels, 0xa5, (size_t)info.framebuffer.pitch * 480);
    screen_init(display);
    say("early\n");
    for (size_t i = 0; i < (size_t)info.framebuffer.pitch * 480; i++)
        assert_int_equal(pixels[i], 0xa5);
    screen_show();
    say("late");
    static const char *const rows[] = {"early", "late", NULL};
    assert_picture(rows, 0xaaaaaa);
}

/* -- a panic in the middle of drawing: a display of characters whose CPU stops at some point -- */

static char grid[12][42];
static unsigned until_stop;
static jmp_buf stopped;

static void stop_here(void)
{
    if (--until_stop == 0)
        longjmp(stopped, 1);
}

static void grid_clear(void)
{
    memset(grid, ' ', sizeof grid);
}

static void grid_draw(unsigned row, unsigned column, uint8_t character)
{
    assert_true(row < 12 && column < 40 && character >= ' ' && character <= '~');
    stop_here(); /* half-drawn */
    grid[row][column] = (char)character;
    stop_here();
}

static bool grid_scroll(unsigned rows)
{
    stop_here();
    memmove(grid[0], grid[rows], (12 - rows) * sizeof *grid);
    stop_here();
    return true;
}

static bool grid_jump(unsigned rows)
{
    (void)rows;
    stop_here();
    memset(grid, '#', sizeof grid);
    return false;
}

static void take_over_at_every_point_of(const struct display *on)
{
    static const char before[] = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12 and more";
    static const char during[] = "\n13\n\x1b[14\n15\r16\t17\n18\n19\n20\n21\n22 until here\x1b[3";
    static volatile bool whole; /* longjmp leaves it as it is */
    static volatile unsigned point;
    whole = false;
    for (point = 1; !whole; point++) {
        until_stop = 0; /* wraps: never */
        screen_init(on);
        screen_show();
        say(before);
        until_stop = point;
        if (setjmp(stopped) == 0) {
            say(during);
            whole = true;
        }
        until_stop = 0;
        screen_take_over();
        say("panic: here\n");
        say("panic: there\n");
        int at = -1;
        for (int row = 0; row < 12; row++)
            if (!memcmp(grid[row], "panic: here       ", 18))
                at = row;
        assert_in_range(at, 1, 10);
        assert_memory_equal(grid[at + 1], "panic: there      ", 18);
        char seen[sizeof grid];
        memcpy(seen, grid, sizeof grid);
        screen_show();
        for (int row = 0; row < 12; row++)
            assert_memory_equal(seen + row * sizeof *grid, grid[row], 40);
    }
}

static void test_a_panic_is_readable_at_whatever_point_it_stopped_the_drawing(void **state)
{
    (void)state;
    struct display on = {.columns = 40, .rows = 12, .clear = grid_clear, .draw = grid_draw};
    on.scroll_rows = 3;
    take_over_at_every_point_of(&on);
    on.scroll_rows = 1;
    on.scroll = grid_scroll;
    take_over_at_every_point_of(&on);
    on.scroll = grid_jump;
    take_over_at_every_point_of(&on);
}

static unsigned draws, scrolls;

static void count_draw(unsigned row, unsigned column, uint8_t character)
{
    draws++;
    grid[row][column] = (char)character;
}

static bool count_scroll(unsigned rows)
{
    scrolls++;
    memmove(grid[0], grid[rows], (12 - rows) * sizeof *grid);
    return true;
}

static void test_drawing_comes_in_pieces_that_end_in_the_same(void **state)
{
    (void)state;
    struct display on = {.columns = 40,
                         .rows = 12,
                         .scroll_rows = 1,
                         .cell_cost = 100,
                         .clear = grid_clear,
                         .draw = count_draw};
    for (int scrolling = 0; scrolling < 2; scrolling++) {
        on.scroll = scrolling ? count_scroll : NULL;
        screen_init(&on);
        screen_show();
        draws = scrolls = 0;
        for (int i = 0; i < 300; i++) {
            char text[32];
            snprintf(text, sizeof text, "line %d\n", i);
            screen_write(text, strlen(text));
            if (i % 7)
                continue;
            unsigned before = draws;
            screen_draw(1000);
            assert_in_range(draws - before, 0, 10);
        }
        assert_true(scrolls <= 300 / 7); /* once a piece, not once a line */
        for (unsigned pieces = 0; !screen_draw(1000); pieces++)
            assert_in_range(pieces, 0, 12 * 40 / 5);
        for (int row = 0; row < 11; row++) {
            char text[48];
            snprintf(text, sizeof text, "line %-35d", 289 + row);
            assert_memory_equal(grid[row], text, 40);
        }
        assert_true(screen_draw(1));
    }
}

/* -- what is refused -- */

static void assert_refused(const char *why)
{
    assert_null(init());
    if (!strstr(verdict, why))
        fail_msg("\"%s\" does not say \"%s\"", verdict, why);
    assert_non_null(strstr(verdict, "not used"));
    assert_int_equal(framebuffer_range().end, 0);
    screen_init(display);
    screen_show();
    say("nowhere\n");
    screen_take_over();
}

static void test_an_absurd_framebuffer_is_refused(void **state)
{
    (void)state;
    make_font(8, 16);
#define REFUSED(change, why)                                                                       \
    do {                                                                                           \
        make_framebuffer(1024, 768, 32);                                                           \
        struct boot_framebuffer *fb = &info.framebuffer;                                           \
        (void)fb;                                                                                  \
        change;                                                                                    \
        assert_refused(why);                                                                       \
    } while (0)
    REFUSED(fb->type = 0, "not of RGB pixels");
    REFUSED(fb->type = 255, "not of RGB pixels");
    REFUSED(fb->bits_per_pixel = 0, "not of 15 to 32 bits");
    REFUSED(fb->bits_per_pixel = 8, "not of 15 to 32 bits");
    REFUSED(fb->bits_per_pixel = 33, "not of 15 to 32 bits");
    REFUSED(fb->bits_per_pixel = 255, "not of 15 to 32 bits");
    REFUSED(fb->colours[0].size = 0, "of colours that lie in no pixel");
    REFUSED(fb->colours[1].size = 25, "of colours that lie in no pixel");
    REFUSED(fb->colours[2].position = 25, "of colours that lie in no pixel");
    REFUSED(fb->colours[2].position = 255, "of colours that lie in no pixel");
    REFUSED(fb->width = 0, "of an impossible size");
    REFUSED(fb->width = UINT32_MAX, "of an impossible size");
    REFUSED(fb->height = 0, "of an impossible size");
    REFUSED(fb->height = 16385, "of an impossible size");
    REFUSED(fb->pitch = 4095, "of rows of an impossible length");
    REFUSED(fb->pitch = 0, "of rows of an impossible length");
    REFUSED(fb->pitch = UINT32_MAX, "of rows of an impossible length");
    REFUSED((fb->pitch = 65536, fb->height = 4097), "of rows of an impossible length");
    REFUSED(fb->address = UINT64_MAX, "that wraps around");
    REFUSED(fb->width = 319, "too small");
    REFUSED(fb->height = 239, "too small");
}

static void test_a_framebuffer_where_something_else_lies_is_refused(void **state)
{
    (void)state;
    const uint64_t size = (1024UL * 4 + 12) * 768;
    make_font(8, 16);
    REFUSED(fb->address = 0xa0000, "in the first MiB");
    REFUSED(fb->address = 16 * MIB, "over the kernel");
    REFUSED(fb->address = 16 * MIB - size + 1, "over the kernel");
    REFUSED(fb->address = 8 * MIB, "in memory");
    REFUSED(fb->address = 512 * MIB - 1, "in memory");
    REFUSED((fb->address = 600 * MIB,
             info.memory[2] = (struct boot_memory){600 * MIB + size - 1, 1, BOOT_MEMORY_ACPI_NVS}),
            "in memory");
    REFUSED((info.memory[1].size = UINT64_MAX - MIB), "in memory");
    REFUSED((info.modules[info.module_count++] =
                 (struct boot_module){0xc0000000 + 5, 0xc0000000 + 6, ""}),
            "over a module");
    REFUSED((info.length = 1, fb->address = INFORMATION - 5), "over the boot information");
    REFUSED(fb->address = 0xfee00000, "where interrupt controllers are");
    REFUSED(fb->address = 0xfec00000 - size + 1, "where interrupt controllers are");
    make_framebuffer(1024, 768, 32);
    info.framebuffer.address = 512 * MIB; /* just outside of each */
    assert_non_null(init());
    info.framebuffer.address = 0xfec00000 - size;
    assert_non_null(init());
    info.framebuffer.address = 1UL << 32; /* beyond 4 GiB is as good */
    assert_non_null(init());
    assert_int_equal(framebuffer_range().end, (1UL << 32) + size);
}

static void test_without_a_good_font_it_is_not_used(void **state)
{
    (void)state;
    make_framebuffer(1024, 768, 32);
    font_size = 0;
    assert_refused("no font");
    make_font(8, 16);
    font[0] = 'x';
    assert_refused("font: not a PSF font at byte 0");
    make_font(32, 32);
    assert_refused("too small"); /* 32 columns */
}

static void test_the_longest_verdict_fits(void **state)
{
    (void)state;
    make_font(8, 16);
    font[20] = 1;
    make_framebuffer(16384, 4000, 30);
    info.framebuffer.address = UINT64_MAX - (256 * MIB);
    assert_refused("glyph size that does not fit width and height at byte 20: not used");
    memset(&info.framebuffer, 0xff, sizeof info.framebuffer);
    assert_refused("not of RGB pixels: not used");
    assert_true(strlen(verdict) < 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters_are_drawn_dot_by_dot_in_every_format),
        cmocka_unit_test(test_the_scale_grows_with_the_screen),
        cmocka_unit_test(test_whatever_is_written_the_picture_is_that_of_the_text),
        cmocka_unit_test(test_a_long_log_leaves_its_last_lines),
        cmocka_unit_test(test_only_what_has_changed_is_drawn),
        cmocka_unit_test(test_nothing_is_drawn_before_the_screen_is_shown_and_nothing_is_lost),
        cmocka_unit_test(test_drawing_comes_in_pieces_that_end_in_the_same),
        cmocka_unit_test(test_a_panic_is_readable_at_whatever_point_it_stopped_the_drawing),
        cmocka_unit_test(test_an_absurd_framebuffer_is_refused),
        cmocka_unit_test(test_a_framebuffer_where_something_else_lies_is_refused),
        cmocka_unit_test(test_without_a_good_font_it_is_not_used),
        cmocka_unit_test(test_the_longest_verdict_fits),
    };
    int failed = cmocka_run_group_tests(tests, seed_random, NULL);
    free(pixels);
    return failed;
}
