/* The console: serial port and screen together. The kernel's log lines and what programs write to
 * their terminal both end here. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Before paging is final: finds the serial port. What is said from here on is for the screen as well,
 * once there is one (screen_init). No lock is needed yet. */
void console_init(void);

/* Bytes as they are, in one piece; a newline becomes CR LF on the serial port, and what that does not
 * take within a bounded time is dropped. Takes the console lock. The time it takes grows with the length,
 * some 600 instructions a byte at most (tabs): who writes for ring 3 writes 256 bytes at a time. */
void console_write(const char *bytes, size_t length);

/* From now on a write draws nothing, for it may be one of many in a row, but calls `ask`: so that
 * console_draw_piece is called soon, by this CPU or another. That calls it again until all is drawn. `ask` is called with the console lock held. */
void console_draw_later(void (*ask)(void));
void console_draw_piece(void);

/* What is said from now on is drawn at once, as it was at boot: before the machine goes away, when no CPU
 * may come to draw later. */
void console_last_words(void);

/* The same to the serial port alone: what is long and for another machine to read. */
void console_write_serial(const char *bytes, size_t length);

/* One log line: "[  1.234] subsystem: text". The newline is added. */
void klog(const char *subsystem, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* Waits, for a bounded time, until the serial port has sent all: before the machine goes away. */
void console_flush(void);

/* Before the others are stopped on the way out of the machine: nobody else is within a line, and
 * nobody else writes one from now on. Takes the console lock and never gives it back: the next is
 * stop_other_cpus, then console_seize, and nothing is written in between. */
void console_keep(void);

/* For panic and the way out, once the other CPUs stand still: from now on this CPU writes without
 * taking the lock, and what it finds of a screen that another was drawing is drawn anew. */
void console_seize(void);

/* One byte from the serial port, or -1 when none has come. */
int console_read_byte(void);
