/* What the fuzzer calls, and with what: for each call that there is the kinds of its arguments, for
 * each kind values that make sense and values that do not. Nothing here is about who calls. */
#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/uio.h>

#include "attack.h"

/* Memory that calls may do anything to, on both sides of a border between page tables. What a program
 * needs itself lies elsewhere. */
#define ARENA       ((char *)0x0fffe00000)
#define ARENA_PAGES 1024UL
#define HOT_PAGES   32UL /* in its middle, where most pointers point */
#define USER_END    0x7ffffffff000UL

static inline uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline uint64_t below(uint64_t *state, uint64_t bound)
{
    return next_random(state) % bound;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ONE_OF(...)                                                                                \
    ({                                                                                             \
        static const uint64_t values[] = {__VA_ARGS__};                                            \
        values[below(r, COUNT(values))];                                                           \
    })

/* `kinds`: one letter for each argument, see argument_of(). `result`: '0' for nothing but success, 'n' for
 * a count, 'p' for an address, 'v' for any value. Most of them stand here as often as they shall come. */
static const struct call {
    int number;
    char kinds[7], result;
} calls[] = {
    {SYS_read, "FPL", 'n'},
    {SYS_write, "FPL", 'n'},
    {SYS_readv, "FVN", 'n'},
    {SYS_writev, "FVN", 'n'},
    {SYS_pread64, "FPLL", 'n'},
    {SYS_open, "SON", 'v'},
    {SYS_openat, "FSON", 'v'},
    {SYS_close, "F", '0'},
    {SYS_stat, "SP", '0'},
    {SYS_lstat, "SP", '0'},
    {SYS_fstat, "FP", '0'},
    {SYS_newfstatat, "FSPN", '0'},
    {SYS_lseek, "FLN", 'v'},
    {SYS_ioctl, "FXP", '0'},
    {SYS_fcntl, "FNX", 'v'},
    {SYS_access, "SN", '0'},
    {SYS_readlink, "SPL", 'n'},
    {SYS_readlinkat, "FSPL", 'n'},
    {SYS_getcwd, "PL", 'n'},
    {SYS_mmap, "PLRMFL", 'p'},
    {SYS_mmap, "PLRMFL", 'p'},
    {SYS_munmap, "PL", '0'},
    {SYS_mprotect, "PLR", '0'},
    {SYS_mprotect, "PLR", '0'},
    {SYS_madvise, "PLY", '0'},
    {SYS_mremap, "PLLEP", 'p'},
    {SYS_brk, "B", 'v'},
    {SYS_nanosleep, "TP", '0'},
    {SYS_clock_nanosleep, "CNTP", '0'},
    {SYS_clock_gettime, "CP", '0'},
    {SYS_clock_getres, "CP", '0'},
    {SYS_gettimeofday, "PP", '0'},
    {SYS_time, "P", 'v'},
    {SYS_futex, "WUNTWN", 'v'},
    {SYS_futex, "WUNTWN", 'v'},
    {SYS_futex, "WUNTWN", 'v'},
    {SYS_getpid, "", 'v'},
    {SYS_gettid, "", 'v'},
    {SYS_getppid, "", 'v'},
    {SYS_getuid, "", '0'},
    {SYS_sched_yield, "", '0'},
    {SYS_sched_setaffinity, "IQP", '0'},
    {SYS_sched_getaffinity, "IQP", 'n'},
    {SYS_getcpu, "PPX", '0'},
    {SYS_set_tid_address, "W", 'v'},
    {SYS_set_robust_list, "PZ", '0'},
    {SYS_arch_prctl, "AP", '0'},
    {SYS_rt_sigaction, "GPPZ", '0'},
    {SYS_rt_sigprocmask, "NPPZ", '0'},
    {SYS_pause, "", '0'},
    {SYS_kill, "IG", '0'},
    {SYS_tkill, "IG", '0'},
    {SYS_tgkill, "IIG", '0'},
    {SYS_clone, "KPWWP", 'v'},
    {SYS_clone3, "PZ", 'v'},
    {SYS_fork, "", 'v'},
    {SYS_vfork, "", 'v'},
    {SYS_execve, "SVV", '0'},
    {SYS_exit, "N", '0'},
    {SYS_exit_group, "N", '0'},
    {SYS_wait4, "IPNP", 'v'},
    {SYS_uname, "P", '0'},
    {SYS_sysinfo, "P", '0'},
    {SYS_prlimit64, "INPP", '0'},
    {SYS_getrandom, "PLN", 'n'},
    {SYS_reboot, "XXX", '0'},
};

static const char *const paths[] = {
    "/test/fuzz_calls", "/test/exit_42", "/test/fault_ud", "/test",     "/",
    "/dev/sallyport",   "/dev/zero",     "/dev/null",      "/dev",      "/dev/random",
    "/dev/console",     "/dev/ttyS1",    "/nowhere/at",    "/test/../", "",
};
enum { SELF = 0, CONSOLE = 10, CHANNEL = 11 };

static const long times[][2] = {{0, 0},       {0, 1},  {0, 50000}, {0, 1000000}, {0, 3000000},
                                {0, 1 << 30}, {1, -1}, {-1, 0},    {0, 20000}};

static inline uint64_t arena_pointer(uint64_t *r)
{
    uint64_t pages = ARENA_PAGES, first = 0, at;

    if (below(r, 8)) {
        pages = HOT_PAGES;
        first = (ARENA_PAGES - HOT_PAGES) / 2;
    }
    at = (uint64_t)ARENA + (first + below(r, pages)) * PAGE;
    switch (below(r, 4)) {
    case 0:
        return at + PAGE - 1 - below(r, 24);
    case 1:
        return at + below(r, PAGE / 8) * 8;
    default:
        return at;
    }
}

static inline uint64_t pointer(uint64_t *r)
{
    if (below(r, 8))
        return arena_pointer(r);
    return ONE_OF(0, 1, PAGE, 0x10000, (uint64_t)times, (uint64_t)paths, (uint64_t)calls,
                  USER_END - 1, USER_END, 0x800000000000, 0xffff800000000000, 0xffffffff80000000,
                  0xffffffff80100000, -4096UL, -1UL, 0x8000000000000000);
}

static inline uint64_t length(uint64_t *r)
{
    if (below(r, 2))
        return below(r, 6) * PAGE;
    return ONE_OF(0, 1, 2, 7, 8, 16, 24, 64, 88, 255, 4095, 4097, 8191, 65536, 1 << 20, 1 << 22,
                  0x7fffffff, 0x80000000, 1UL << 32, 1UL << 46, USER_END, -1UL, -4096UL, 1UL << 63);
}

static inline uint64_t any(uint64_t *r)
{
    switch (below(r, 4)) {
    case 0:
        return next_random(r) >> below(r, 64);
    case 1:
        return -next_random(r) >> below(r, 64);
    case 2:
        return pointer(r);
    default:
        return length(r);
    }
}

static inline uint64_t argument_of(char kind, uint64_t *r)
{
    const uint64_t thread = DOES_THREAD | CLONE_SYSVSEM,
                   tids = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;

    if (below(r, 12) == 0)
        return any(r);
    switch (kind) {
    case 'F': /* a descriptor, or where openat begins */
        return below(r, 8) ? below(r, 14) : ONE_OF(AT_FDCWD, -1, 63, 64, 1 << 20);
    case 'P':
    case 'V': /* a vector: what lies there */
        return pointer(r);
    case 'L':
        return length(r);
    case 'S': /* a path */
        return below(r, 6) ? (uint64_t)paths[below(r, COUNT(paths))] : pointer(r);
    case 'T': /* a time */
        return below(r, 6) ? (uint64_t)times[below(r, COUNT(times))] : pointer(r);
    case 'W': /* a futex's word: few, so that they are shared */
        return (uint64_t)ARENA + (ARENA_PAGES / 2 + below(r, 4)) * PAGE + 4 * below(r, 4);
    case 'N':
        return below(r, 6) ? below(r, 8) : ONE_OF(-1, 16, 64, 1024, 1025, 0x7fffffff, 0x80000000);
    case 'Z': /* a structure's size */
        return ONE_OF(8, 8, 24, 64, 80, 88, 4096);
    case 'Q':
        return ONE_OF(8, 8, 16, 16, 128, 1, 4096);
    case 'O':
        return ONE_OF(O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_DIRECTORY, O_CLOEXEC);
    case 'R':
        return below(r, 8);
    case 'M': /* private or shared, fixed or not, of a file or not */
        return 1 + below(r, 2) + below(r, 2) * MAP_FIXED + (below(r, 3) ? MAP_ANONYMOUS : 0) +
               (below(r, 8) ? 0 : MAP_FIXED_NOREPLACE);
    case 'E':
        return ONE_OF(0, MREMAP_MAYMOVE, MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED, 4);
    case 'Y':
        return ONE_OF(MADV_DONTNEED, MADV_DONTNEED, MADV_NORMAL, MADV_FREE, 99);
    case 'B':
        return below(r, 3) ? 0 : (uint64_t)ARENA - below(r, 1 << 20) * PAGE;
    case 'C':
        return below(r, 12);
    case 'U':
        return ONE_OF(FUTEX_WAIT, FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET,
                      FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI) |
               (below(r, 2) ? FUTEX_PRIVATE_FLAG : 0) | (below(r, 8) ? 0 : FUTEX_CLOCK_REALTIME);
    case 'A':
        return ONE_OF(0x1001, 0x1002, 0x1003, 0x1004);
    case 'G':
        return below(r, 2) ? ONE_OF(0, SIGCHLD, SIGCONT, SIGURG) : below(r, 67);
    case 'K':
        return below(r, 3) ? (thread | (next_random(r) & tids) | (below(r, 6) ? 0 : CLONE_VFORK))
                           : SIGCHLD | (next_random(r) & tids) |
                                 ONE_OF(0, CLONE_VM, CLONE_VM | CLONE_VFORK, CLONE_VFORK,
                                        CLONE_VM | CLONE_SIGHAND, CLONE_FILES, CLONE_SETTLS);
    default:
        return any(r);
    }
}
