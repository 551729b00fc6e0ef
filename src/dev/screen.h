/* The VGA text screen, 80 by 25. Called by the console alone, under its lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Told by the boot loader's framebuffer tag whether the machine is in text mode. Until told so, and
 * on any other machine, nothing is written to video memory. Clears the screen. Needs the direct
 * map. */
void screen_init(bool text_mode);

/* Knows newline, return, backspace and tab; shows a ? for what is not ASCII, once a UTF-8
 * character; leaves escape sequences out. */
void screen_write(const char *bytes, size_t length);
