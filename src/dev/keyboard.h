/* The PS/2 keyboard behind an 8042, polled, as far as "press a key" needs it. One CPU at a time. */
#pragma once

#include <stdbool.h>

#define KEY_R 0x13 /* in scan code set 1 */

/* The firmware says that there is no 8042: none is looked for. */
void keyboard_set_absent(void);

/* Takes the keyboard over and drops what was typed before. False when there is none. Bounded: some
 * 300 milliseconds at the worst. */
bool keyboard_init(void);

/* The scan code of a key that went down since the last look, 1 to 0x7f, or -1. */
int keyboard_read(void);

/* Asks the 8042 to pulse the reset line, a few microseconds from now. False when there is no 8042,
 * or it does not listen. Also without keyboard_init. */
bool keyboard_reset_machine(void);
