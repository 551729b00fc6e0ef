/* printf-style formatting into a buffer, for the log and for the few texts the kernel hands out. */
#include "lib/format.h"
#include "lib/string.h"
#include <stdbool.h>
#include <stdint.h>

struct text {
    char *buffer;
    size_t room; /* bytes, without the terminator */
    size_t length;
};

struct field {
    size_t width;
    bool left, zero;
};

static void put(struct text *text, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++, text->length++) {
        if (text->length < text->room)
            text->buffer[text->length] = bytes[i];
    }
}

/* Zeros go between the prefix (a sign, 0x) and the body; blanks go outside both. */
static void put_field(struct text *text, struct field field, const char *prefix, const char *body,
                      size_t length)
{
    size_t used = strlen(prefix) + length;
    size_t padding = field.width > used ? field.width - used : 0;

    for (size_t i = 0; i < padding && !field.left && !field.zero; i++)
        put(text, " ", 1);
    put(text, prefix, strlen(prefix));
    for (size_t i = 0; i < padding && !field.left && field.zero; i++)
        put(text, "0", 1);
    put(text, body, length);
    for (size_t i = 0; i < padding && field.left; i++)
        put(text, " ", 1);
}

static void put_number(struct text *text, struct field field, const char *prefix, uint64_t value,
                       unsigned base)
{
    char digits[20]; /* 2^64 in decimal */
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    put_field(text, field, prefix, digits + at, sizeof digits - at);
}

static size_t parse_digits(const char **at)
{
    size_t value = 0;
    while (**at >= '0' && **at <= '9')
        value = value * 10 + (size_t)(*(*at)++ - '0');
    return value;
}

size_t vformat(char *buffer, size_t size, const char *format, va_list args)
{
    struct text text = {.buffer = buffer, .room = size - 1};

    for (const char *at = format; *at; at++) {
        if (*at != '%') {
            put(&text, at, 1);
            continue;
        }
        struct field field = {0};
        for (at++; *at == '0' || *at == '-'; at++) {
            field.zero |= *at == '0';
            field.left |= *at == '-';
        }
        if (*at == '*') {
            int width = va_arg(args, int);
            field.left |= width < 0;
            field.width = width < 0 ? 0u - (unsigned)width : (unsigned)width;
            at++;
        } else {
            field.width = parse_digits(&at);
        }
        size_t precision = SIZE_MAX;
        if (*at == '.') {
            at++;
            if (*at == '*') {
                precision = (size_t)va_arg(args, int); /* below zero: none */
                at++;
            } else {
                precision = parse_digits(&at);
            }
        }
        bool wide = false;
        for (; *at == 'l' || *at == 'z'; at++)
            wide = true;

        switch (*at) {
        case 'd':
        case 'i': {
            int64_t value = wide ? va_arg(args, int64_t) : va_arg(args, int);
            uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
            put_number(&text, field, value < 0 ? "-" : "", magnitude, 10);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = wide ? va_arg(args, uint64_t) : va_arg(args, unsigned);
            put_number(&text, field, "", value, *at == 'u' ? 10 : 16);
            break;
        }
        case 'p':
            put_number(&text, field, "0x", (uintptr_t)va_arg(args, void *), 16);
            break;
        case 'c': {
            char byte = (char)va_arg(args, int);
            field.zero = false;
            put_field(&text, field, "", &byte, 1);
            break;
        }
        case 's': {
            const char *string = va_arg(args, const char *);
            if (!string)
                string = "(null)";
            field.zero = false;
            put_field(&text, field, "", string, strnlen(string, precision));
            break;
        }
        case '%':
            put(&text, "%", 1);
            break;
        default: /* a mistake in the format: show it; what follows cannot be trusted */
            put(&text, "%?", 2);
            goto done;
        }
    }
done:
    buffer[text.length < text.room ? text.length : text.room] = '\0';
    return text.length;
}

size_t format(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = vformat(buffer, size, format, args);
    va_end(args);
    return length;
}
