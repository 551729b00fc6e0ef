// The calls that bench times, by a name that both tables have.
#pragma once

enum {
    CALL_GETPID,
    CALL_ENOSYS,
    CALL_CLOCK_GETTIME,
    CALL_WRITE,
    CALL_FUTEX,
    CALL_YIELD,
    CALL_MMAP,
    CALL_MUNMAP,
    CALLS
};

#define CALL_UNKNOWN 500 // behind no door of any kernel that is compared here

extern const int i386_numbers[CALLS];
