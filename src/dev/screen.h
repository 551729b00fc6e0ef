/* The screen: a terminal that keeps its characters in memory and shows them on a display. Called by
 * the console alone, under its lock, but for what boot and panic call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCREEN_COLUMNS_MAX 256
#define SCREEN_ROWS_MAX    128

/* What can show rows of printable ASCII characters (src/dev/textmode.c, src/dev/framebuffer.c). It is
 * never asked what it shows. */
struct display {
    unsigned columns, rows; /* 1 to SCREEN_..._MAX */
    unsigned scroll_rows;   /* by how many the text moves up when the last row is full */
    long cell_cost;         /* of drawing a character, in instructions, about */
    void (*clear)(void);
    void (*draw)(unsigned row, unsigned column, uint8_t character);
    /* Moves all it shows up by so many rows, fewer than it has. Returns false when what is shown then is undefined. What
     * comes in at the bottom is undefined. NULL when redrawing is the only way. */
    bool (*scroll)(unsigned rows);
    /* Comes last, when all of a write has been drawn. NULL: there is no cursor. */
    void (*move_cursor)(unsigned row, unsigned column);
};

/* Starts anew with a display, which lives on; NULL: no screen. Nothing is drawn before screen_show. */
void screen_init(const struct display *on);

/* From now on the display can be drawn on. Clears it, and draws what was written since
 * screen_init. */
void screen_show(void);

/* What is written, without a look at the display: the text alone changes. Takes some 50 instructions a
 * byte, and eight times as many for a tab. Knows newline, return, backspace and tab; shows a ? for what is not ASCII, once a UTF-8
 * character; leaves escape sequences out. */
void screen_write(const char *bytes, size_t length);

/* Draws what has changed, but not more than so many instructions' worth, about, and one character. True
 * when the display shows the last state. */
bool screen_draw(long budget);

/* For console_seize, while the CPU that may have been in the middle of screen_write stands still:
 * starts a line, and all is drawn anew with the next bytes. */
void screen_take_over(void);
