/* printf-style formatting into a buffer. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Writes at most size - 1 bytes and a terminator (size > 0); returns the length that the whole text
 * would have had. Knows %c %s %d %i %u %x %p %% with l, ll, z, a width or *, the flags 0 and -, and
 * a precision (or .*) on %s. */
size_t vformat(char *buffer, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
size_t format(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
