// The numbers of Linux's i386 table, which int 0x80 leads to there. In a file of its own, for the
// names in this header are those of the x86-64 table too.
#include <asm/unistd_32.h>

#include "bench_calls.h"

const int i386_numbers[CALLS] = {
    [CALL_GETPID] = __NR_getpid,
    [CALL_ENOSYS] = CALL_UNKNOWN,
    [CALL_CLOCK_GETTIME] = __NR_clock_gettime64,
    [CALL_WRITE] = __NR_write,
    [CALL_FUTEX] = __NR_futex,
    [CALL_YIELD] = __NR_sched_yield,
    [CALL_MMAP] = __NR_mmap2,
    [CALL_MUNMAP] = __NR_munmap,
};
