/* The channel: the second serial port (COM2), apart from the console, on which a program's records
 * leave the machine as they are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Finds the port. No lock is needed yet. */
void channel_init(void);

/* Whether there is a port; constant. */
bool channel_present(void);

/* Bytes as they are, in one piece. How many went out: fewer when the port has taken none for a
 * bounded time. Takes the channel's lock. */
size_t channel_write(const char *bytes, size_t length);

/* One byte, or -1 when none has come. Takes the channel's lock. */
int channel_read_byte(void);

/* Waits, for a bounded time, until all is sent: before the machine goes away. */
void channel_flush(void);
