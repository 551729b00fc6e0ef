/* Log lines that ring 3 can cause: a few of a kind at once, then some a second, so that neither the log
 * nor a CPU's time, with interrupts off, is a program's to fill. */
#pragma once

#include "dev/console.h"
#include <stdbool.h>

/* 10 at once are a bad start of several programs, each with its line; 5 a second can still be read, and
 * keep a real serial port (40 ms for a fault with its registers) busy for a fifth of the time. */
#define LOG_BURST      10
#define LOG_PER_SECOND 5

enum log_kind {
    LOG_FAULT,  /* a process that is ended for what it did, and its registers */
    LOG_EXEC,   /* a program that is no program */
    LOG_SIGNAL, /* a signal that is not sent */
    LOG_KINDS,
};

/* Whether one more of the kind may be logged now. Those that may not are counted, and the first one that
 * may says how many they were. Takes the console lock then. */
bool log_allows(enum log_kind kind);

#define klog_limited(kind, ...) (log_allows(kind) ? klog(__VA_ARGS__) : (void)0)

/* How many were not logged since then: before the machine goes away. */
void log_tell_held_back(void);
