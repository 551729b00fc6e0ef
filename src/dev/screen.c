/* Two grids of characters: the text as it should be seen, and what the display shows. A write changes
 * the first; what differs is drawn later, in pieces, and at once where a write has scrolled often; so that a display is written to only where it must be, and
 * never read: reading a graphics card's memory takes microseconds a word. */
#include "dev/screen.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include <limits.h>

#define BLANK   ' '
#define UNKNOWN 0 /* no character is: drawn in any case */

#define COMPARE_COST 8 /* instructions a character, about */

static const struct display *display; /* NULL without a screen */
static bool visible;
static uint8_t text[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX];  /* a ring: see line() */
static uint8_t shown[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX]; /* by the row on the display */
static unsigned first;                                     /* the row of text that is at the top */
static unsigned scrolled;    /* by how many rows the text has, and the display has not */
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
    for (unsigned i = display->rows - rows; i < display->rows; i++)
        memset(line(i), BLANK, display->columns);
    scrolled += scrolled < display->rows ? rows : 0;
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

/* Once for all that the text has moved since the last time. */
static void scroll_display(void)
{
    unsigned rows = scrolled, kept = display->rows - rows;
    scrolled = 0;
    if (!rows || !display->scroll || rows >= display->rows)
        return;
    if (display->scroll(rows))
        memmove(shown[0], shown[rows], kept * sizeof shown[0]);
    else
        kept = 0;
    memset(shown[kept], UNKNOWN, (display->rows - kept) * sizeof shown[0]);
}

bool screen_draw(long budget)
{
    if (!display || !visible)
        return true;
    scroll_display();
    unsigned r = changed_from;
    for (; r < changed_to && r < display->rows && budget > 0; r++) {
        const uint8_t *wanted = line(r);
        budget -= display->columns * COMPARE_COST;
        for (unsigned c = 0; c < display->columns; c++) {
            if (shown[r][c] == wanted[c])
                continue;
            display->draw(r, c, wanted[c]);
            shown[r][c] = wanted[c];
            budget -= display->cell_cost;
            if (budget <= 0) {
                changed_from = r;
                drain_writes();
                return false;
            }
        }
    }
    if (r < changed_to && r < display->rows) {
        changed_from = r;
        return false;
    }
    changed_from = display->rows;
    changed_to = 0;
    if (display->move_cursor)
        display->move_cursor(row, column < display->columns ? column : display->columns - 1);
    drain_writes(); /* or it stays in there for good, if the CPU halts now */
    return true;
}

void screen_init(const struct display *on)
{
    display = on;
    visible = false;
    first = row = column = scrolled = 0;
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
    screen_draw(LONG_MAX);
}

void screen_write(const char *bytes, size_t length)
{
    if (!display)
        return;
    for (size_t i = 0; i < length; i++)
        interpret((unsigned char)bytes[i]);
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
    scrolled = 0;
    if (column > 0)
        new_line();
    mark_changed(0, display->rows);
}
