/* How a program ended, in a word: an exit status or the name of a signal, as `// exits:` and `// dies:`
 * say it at the head of a test program. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const signal_names[] = {
    [SIGILL] = "SIGILL",   [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",
    [SIGFPE] = "SIGFPE",   [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE",
    [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM", [SIGSYS] = "SIGSYS",
};

/* How a program ended, as it is written on the command line. */
static inline void name_ending(char text[32], int status)
{
    unsigned signal = (unsigned)status & 127;

    if (signal == 0)
        snprintf(text, 32, "%d", status >> 8 & 255);
    else if (signal < sizeof(signal_names) / sizeof(signal_names[0]) && signal_names[signal])
        snprintf(text, 32, "%s", signal_names[signal]);
    else
        snprintf(text, 32, "signal %u", signal);
}

/* Whether `ending` is one of the words that '|' separates in `expected`. */
static inline bool is_among(const char *ending, const char *expected)
{
    size_t length = strlen(ending);

    for (; expected; expected = strchr(expected, '|')) {
        expected += *expected == '|';
        if (strncmp(expected, ending, length) == 0 &&
            (expected[length] == 0 || expected[length] == '|'))
            return true;
    }
    return false;
}
