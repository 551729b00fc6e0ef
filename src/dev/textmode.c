/* Text mode scrolls by moving the window that the CRT controller shows through its 32 KiB of text
 * memory: one register instead of a copy of the whole screen through slow video memory. */
#include "dev/textmode.h"
#include "cpu/io.h"
#include "mm/layout.h"

#define COLUMNS      80U
#define ROWS         25U
#define MEMORY       0xb8000UL
#define MEMORY_CELLS (32 * 1024U / sizeof(uint16_t))
#define LIGHT_GREY   0x0700 /* on black */

#define CRTC_INDEX    0x3d4
#define CRTC_DATA     0x3d5
#define START_ADDRESS 0x0c /* high byte, low byte in the next: in cells */
#define CURSOR        0x0e /* likewise */

static unsigned start; /* the first cell shown */

static void set_crtc(uint8_t reg, unsigned cell)
{
    outb(CRTC_INDEX, reg);
    outb(CRTC_DATA, (uint8_t)(cell >> 8));
    outb(CRTC_INDEX, reg + 1);
    outb(CRTC_DATA, (uint8_t)cell);
}

static void draw(unsigned row, unsigned column, uint8_t character)
{
    volatile uint16_t *cells = phys_to_virt(MEMORY);
    cells[start + row * COLUMNS + column] = LIGHT_GREY | character;
}

static void clear(void)
{
    start = 0;
    for (unsigned row = 0; row < ROWS; row++)
        for (unsigned column = 0; column < COLUMNS; column++)
            draw(row, column, ' ');
}

static bool scroll_window(unsigned rows)
{
    start += rows * COLUMNS;
    bool moved = start + ROWS * COLUMNS <= MEMORY_CELLS;
    if (!moved)
        start = 0;
    return moved;
}

/* The window moves here, once what is new in it has been drawn. */
static void move_cursor(unsigned row, unsigned column)
{
    set_crtc(START_ADDRESS, start);
    set_crtc(CURSOR, start + row * COLUMNS + column);
}

const struct display text_mode = {
    .columns = COLUMNS,
    .rows = ROWS,
    .scroll_rows = 1,
    .cell_cost = 20,
    .clear = clear,
    .draw = draw,
    .scroll = scroll_window,
    .move_cursor = move_cursor,
};
