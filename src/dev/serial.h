/* The first serial port (COM1), polled. Called by the console alone, under its lock. */
#pragma once

#include <stddef.h>

/* 115200 8N1. Without a port, the rest of these do nothing. */
void serial_init(void);

/* A newline goes out as CR LF. Bytes that a port does not take within a bounded time are dropped.
 */
void serial_write(const char *bytes, size_t length);

/* The next byte received, or -1. */
int serial_read(void);

/* Waits, for a bounded time, until all is sent: before the machine goes away. */
void serial_flush(void);
