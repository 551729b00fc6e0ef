/* The VGA text screen. It scrolls by moving the window that the CRT controller shows through its 32
 * KiB of text memory: one register instead of a copy of the whole screen through slow video memory.
 */
#include "dev/screen.h"
#include "cpu/io.h"
#include "mm/layout.h"

#define COLUMNS      80U
#define ROWS         25U
#define MEMORY       0xb8000UL
#define MEMORY_CELLS (32 * 1024U / sizeof(uint16_t))
#define BLANK        0x0720 /* light grey on black, a space */

#define CRTC_INDEX    0x3d4
#define CRTC_DATA     0x3d5
#define START_ADDRESS 0x0c /* high byte, low byte in the next: in cells */
#define CURSOR        0x0e /* likewise */

static volatile uint16_t *cells; /* NULL without a text screen */
static unsigned start;           /* the first cell shown */
static unsigned row, column;     /* column may be COLUMNS: the line wraps with the next character */
static enum { TEXT, ESCAPE, SEQUENCE } state;

static void set_crtc(uint8_t reg, unsigned cell)
{
    outb(CRTC_INDEX, reg);
    outb(CRTC_DATA, (uint8_t)(cell >> 8));
    outb(CRTC_INDEX, reg + 1);
    outb(CRTC_DATA, (uint8_t)cell);
}

static void show(void)
{
    set_crtc(START_ADDRESS, start);
    set_crtc(CURSOR, start + row * COLUMNS + (column < COLUMNS ? column : COLUMNS - 1));
}

static void clear_row(unsigned which)
{
    for (unsigned i = 0; i < COLUMNS; i++)
        cells[start + which * COLUMNS + i] = BLANK;
}

static void new_line(void)
{
    column = 0;
    if (++row < ROWS)
        return;
    row = ROWS - 1;
    start += COLUMNS;
    if (start + ROWS * COLUMNS > MEMORY_CELLS) {
        for (unsigned i = 0; i < (ROWS - 1) * COLUMNS; i++)
            cells[i] = cells[start + i];
        start = 0;
    }
    clear_row(row);
}

static void put(unsigned char byte)
{
    if (column == COLUMNS)
        new_line();
    cells[start + row * COLUMNS + column++] = (uint16_t)((BLANK & 0xff00) | byte);
}

static void interpret(unsigned char byte)
{
    if (byte == 0x1b) {
        state = ESCAPE;
    } else if (state == ESCAPE) {
        state = byte == '[' ? SEQUENCE : TEXT;
    } else if (state == SEQUENCE) { /* ends with a letter or its like (ECMA-48, 5.4) */
        if (byte >= 0x40 && byte <= 0x7e)
            state = TEXT;
    } else if (byte == '\n') {
        new_line();
    } else if (byte == '\r') {
        column = 0;
    } else if (byte == '\b') {
        column -= column > 0;
    } else if (byte == '\t') {
        do
            put(' ');
        while (column % 8 != 0);
    } else if (byte >= 0x20 && byte < 0x7f) {
        put(byte);
    } else if (byte >= 0xc0) { /* the first byte of a UTF-8 character; 0x80 to 0xbf follow it */
        put('?');
    }
}

void screen_init(bool text_mode)
{
    cells = text_mode ? phys_to_virt(MEMORY) : NULL;
    start = row = column = 0;
    state = TEXT;
    if (!cells)
        return;
    for (unsigned i = 0; i < ROWS; i++)
        clear_row(i);
    show();
}

void screen_write(const char *bytes, size_t length)
{
    if (!cells)
        return;
    for (size_t i = 0; i < length; i++)
        interpret((unsigned char)bytes[i]);
    show();
}
