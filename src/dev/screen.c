/* Two grids of characters: the text as it should be seen, and what the display shows. A write changes
 * the first, and then draws what differs, so that a display is written to only where it must be, and
 * never read: reading a graphics card's memory takes microseconds a word. */
#include "dev/screen.h"
#include "cpu/regs.h"
#include "lib/string.h"

#define BLANK   ' '
#define UNKNOWN 0 /* no character is: drawn in any case */

static const struct display *display; /* NULL without a screen */
static bool visible;
static uint8_t text[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX];  /* a ring: see line() */
static uint8_t shown[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX]; /* by the row on the display */
static unsigned first;                                     /* the row of text that is at the top */
static unsigned row, column; /* column may be display->columns: the next character wraps the line */
static unsigned changed_from, changed_to; /* the rows to compare: from, one past the last */
static enum { TEXT, ESCAPE, SEQUENCE } state;

static uint8_t *line(unsigned which)
{
    return text[(first + which) % display->rows];
}

static void mark_changed(unsigned from, unsigned to)
{
    if (from < changed_from)
        changed_from = from;
    if (to > changed_to)
        changed_to = to;
}

static void scroll(unsigned rows)
{
    first = (first + rows) % display->rows;
    row -= rows;
    unsigned kept = display->rows - rows;
    for (unsigned i = kept; i < display->rows; i++)
        memset(line(i), BLANK, display->columns);
    if (visible && display->scroll) {
        bool moved = display->scroll(rows);
        if (moved)
            memmove(shown[0], shown[rows], kept * sizeof shown[0]);
        else
            kept = 0;
        memset(shown[kept], UNKNOWN, (display->rows - kept) * sizeof shown[0]);
    }
    mark_changed(0, display->rows);
}

static void new_line(void)
{
    column = 0;
    if (row >= display->rows - 1)
        scroll(display->scroll_rows);
    row++;
}

static void put(uint8_t character)
{
    unsigned at = column; /* see screen_take_over */
    if (at >= display->columns) {
        new_line();
        at = 0;
    }
    line(row)[at] = character;
    column = at + 1;
    mark_changed(row, row + 1);
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
            put(BLANK);
        while (column % 8 != 0);
    } else if (byte >= 0x20 && byte < 0x7f) {
        put(byte);
    } else if (byte >= 0xc0) { /* the first byte of a UTF-8 character; 0x80 to 0xbf follow it */
        put('?');
    }
}

static void draw_changes(void)
{
    for (unsigned r = changed_from; r < changed_to && r < display->rows; r++) {
        const uint8_t *wanted = line(r);
        for (unsigned c = 0; c < display->columns; c++) {
            if (shown[r][c] != wanted[c]) {
                display->draw(r, c, wanted[c]);
                shown[r][c] = wanted[c];
            }
        }
    }
    changed_from = display->rows;
    changed_to = 0;
    if (display->move_cursor)
        display->move_cursor(row, column < display->columns ? column : display->columns - 1);
    drain_writes(); /* or it stays in there for good, if the CPU halts now */
}

void screen_init(const struct display *on)
{
    display = on;
    visible = false;
    first = row = column = 0;
    state = TEXT;
    memset(text, BLANK, sizeof text);
}

void screen_show(void)
{
    if (!display)
        return;
    display->clear();
    memset(shown, BLANK, sizeof shown);
    visible = true;
    changed_from = 0;
    changed_to = display->rows;
    draw_changes();
}

void screen_write(const char *bytes, size_t length)
{
    if (!display)
        return;
    for (size_t i = 0; i < length; i++)
        interpret((unsigned char)bytes[i]);
    if (visible)
        draw_changes();
}

/* The other CPU may have stopped between any two instructions, or not have stopped at all: no index is
 * used but after its own check, whatever that CPU writes meanwhile, and nothing that the display shows
 * is relied on. */
void screen_take_over(void)
{
    if (!display)
        return;
    memset(shown, UNKNOWN, sizeof shown);
    state = TEXT;
    if (column > 0)
        new_line();
    mark_changed(0, display->rows);
}
