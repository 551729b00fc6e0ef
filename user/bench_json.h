// JSON text into a buffer of fixed size. Pure.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct json {
    char *text; // always ended with a 0
    size_t size, used;
    bool full; // something was left out
};

static inline __attribute__((format(printf, 2, 3))) void json_add(struct json *json,
                                                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(json->text + json->used, json->size - json->used, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= json->size - json->used) {
        json->full = true;
        json->text[json->used] = 0;
    } else {
        json->used += (size_t)length;
    }
}

// A string, quoted; NULL is null. What is not printable ASCII is escaped, byte by byte as in Latin-1:
// a CPU's brand or a file's text may hold anything, and the line must be JSON all the same.
static inline void json_string(struct json *json, const char *text)
{
    if (!text) {
        json_add(json, "null");
        return;
    }
    json_add(json, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            json_add(json, "\\%c", c);
        else if (c < ' ' || c > '~')
            json_add(json, "\\u%04x", c);
        else
            json_add(json, "%c", c);
    }
    json_add(json, "\"");
}
