/* A worker of the fuzzer: a thread that makes random calls, by either door, in a process of such. What
 * would end the run itself, or the memory that the worker lives in, is turned into something harmless
 * first; all else it must survive, or die of alone. Nothing here uses the C library: threads have no
 * state of its own, and FS is anywhere. */
#pragma once

#include <limits.h>

#include "fuzz_arguments.h"
#include "fuzz_door.h"

#define WORKERS     24       /* of a process, in all its life */
#define STACK       16384    /* bytes, of each */
#define FORKS       3        /* of a process */
#define DEPTH       2        /* of forks and execs in each other */
#define NEVER       LONG_MAX /* calls, after which a worker ends */
#define CHILD_CALLS 300      /* the same, for what the fuzzer's own calls made */
#define LIFE        100      /* naps that a process lives */
#define STILL       15       /* or in which none of its workers has come further */

/* How a process ends: what it exits with. Less than 8 is what the fuzzer itself said. */
enum { FOUND_ERROR = 9, ENDED_WELL = 16, CALLS_A_STATUS = 64, STATUS_MOST = 200 };
enum role { ANYTHING, MAPPINGS, PROCESSES };

struct worker {
    char *stack_top; /* first: see fuzz_door.h */
    uint64_t random;
    long calls, budget;
    enum role role;
    bool fresh_memory; /* it begins a process with a copy of all this */
    char seed_text[24], depth_text[4];
    char *argv[5];
    struct passage passage;
};

static struct worker workers[WORKERS];
static char stacks[WORKERS][STACK] __attribute__((aligned(64)));
static _Atomic int workers_taken, forks_left;
static int depth;       /* of forks and execs */
static long first_id;   /* no process or thread before it is of this family */
static bool both_doors; /* else `door` alone is open */
static _Atomic long all_calls;

static const int places[6] = {RDI, RSI, RDX, R10, R8, R9}; /* of the arguments */

static void write_hex(char *text, uint64_t value)
{
    for (int i = 15; i >= 0; i--, value >>= 4)
        text[i] = "0123456789abcdef"[value & 15];
    text[16] = 0;
}

/* A line on the console, whatever has become of the descriptors; and the end of the process. */
static void violation(struct worker *w, enum door which, const char *what)
{
    const struct passage *p = &w->passage;
    long console;

    sys(close, 63);
    console = sys(open, "/dev/console", O_WRONLY);
    ktap.length = 0;
    put("error: call ");
    put_number((uint32_t)p->in[RAX]);
    put(" by ");
    put(door_names[which]);
    put(": ");
    put(what);
    for (int i = 0; i < 6; i++) {
        put(i ? ", " : " (");
        put_hex(p->in[places[i]]);
    }
    put(") = ");
    put_hex(p->out[RAX]);
    put("\n");
    sys(write, console, ktap.line, ktap.length);
    sys(exit_group, FOUND_ERROR);
}

static struct worker *take_worker(struct worker *parent)
{
    int index = workers_taken++;
    struct worker *w = &workers[index];

    if (index >= WORKERS)
        return NULL;
    w->stack_top = stacks[index] + STACK;
    w->random = next_random(&parent->random);
    w->budget = CHILD_CALLS;
    w->calls = 0;
    w->role = below(&parent->random, 3);
    w->fresh_memory = false;
    return w;
}

/* What a call may write to by accident, since small numbers are drawn often: our own data. */
static void tame_pointer(struct worker *w, uint64_t *value)
{
    extern char __init_array_start[], _end[]; /* of the writable segment */

    if (*value >= ((uint64_t)__init_array_start & -PAGE) && *value < (uint64_t)_end)
        *value = arena_pointer(&w->random);
}

/* The range is refused by any kernel, or lies in the arena; else it is put there. */
static void tame_range(struct worker *w, uint64_t *address, uint64_t *size)
{
    uint64_t end, arena_end = (uint64_t)ARENA + ARENA_PAGES * PAGE;

    if (__builtin_add_overflow(*address, *size ? *size : 1, &end) || end > USER_END)
        return;
    if (*address >= (uint64_t)ARENA && end <= arena_end)
        return;
    *address = arena_pointer(&w->random) & -PAGE;
    *size = below(&w->random, 8) * PAGE;
    if (*size > arena_end - *address)
        *size = arena_end - *address;
}

static uint64_t of_the_family(struct worker *w)
{
    static long newest;
    long me = sys(gettid);

    newest = me > newest ? me : newest;
    switch (below(&w->random, 4)) {
    case 0:
        return below(&w->random, 8) ? (uint64_t)me : 0x7ffffff0;
    default:
        return (uint64_t)first_id + below(&w->random, (uint64_t)(newest - first_id) + 16);
    }
}

static bool is_birth(uint32_t number)
{
    return number == SYS_clone || number == SYS_clone3 || number == SYS_fork || number == SYS_vfork;
}

/* A call that makes a child: 0, or the call is not to be made. */
static int tame_birth(struct worker *w, uint32_t number, uint64_t a[6])
{
    bool shares = number == SYS_vfork || number == SYS_clone3 ||
                  (number == SYS_clone && (a[0] & CLONE_VM)),
         thread = number == SYS_clone && (a[0] & CLONE_THREAD);
    struct worker *child;

    if (depth >= DEPTH && !thread)
        return -1;
    if (!thread && forks_left-- <= 0)
        return -1;
    child = take_worker(w);
    if (!child)
        return -1;
    child->fresh_memory = !shares;
    w->passage.in[R14] = (uint64_t)child;
    return 0;
}

static void tame_exec(struct worker *w, uint64_t a[6])
{
    static char *const nothing[] = {NULL};

    if (a[0] == (uint64_t)paths[SELF] && below(&w->random, 4)) {
        write_hex(w->seed_text, next_random(&w->random));
        w->depth_text[0] = (char)('0' + depth + 1);
        w->argv[0] = (char *)a[0], w->argv[1] = (char *)"worker";
        w->argv[2] = w->seed_text, w->argv[3] = w->depth_text;
        a[1] = (uint64_t)w->argv;
        a[2] = (uint64_t)nothing;
    }
}

static void short_futex_wait(struct worker *w, uint64_t a[6])
{
    uint64_t op = a[1] & ~(uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

    if ((op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET) && a[3] == 0 && below(&w->random, 16))
        a[3] = (uint64_t)times[2];
}

/* The number that is called in the end, with arguments that leave the run its supervisor, its console and
 * its memory. */
static uint32_t tame(struct worker *w, uint32_t number, uint64_t a[6])
{
    const uint64_t often = below(&w->random, 64);

    switch (number) {
    case SYS_reboot:
        a[2] = 0x1234567; /* no command */
        break;
    case SYS_exit:
    case SYS_exit_group:
        a[0] &= 7;
        return often == 0 && below(&w->random, 4) == 0 ? number : SYS_getpid;
    case SYS_pause:
        return often == 0 ? number : SYS_sched_yield;
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
        a[0] = of_the_family(w);
        if (number == SYS_tgkill)
            a[1] = of_the_family(w);
        if (often)
            a[number == SYS_tgkill ? 2 : 1] = 0;
        break;
    case SYS_sched_setaffinity:
        a[0] = below(&w->random, 2) ? 0 : of_the_family(w);
        break;
    case SYS_wait4:
        if (often)
            a[2] |= 1; /* WNOHANG */
        break;
    case SYS_open:
    case SYS_openat: {
        uint64_t path = a[number == SYS_openat];

        if (path == (uint64_t)paths[CONSOLE] || path == (uint64_t)paths[CHANNEL])
            a[number == SYS_openat ? 2 : 1] = O_RDONLY;
        break;
    }
    case SYS_read:
    case SYS_pread64:
    case SYS_getrandom:
        if (often && (a[number == SYS_getrandom ? 1 : 2]) > 1 << 16)
            a[number == SYS_getrandom ? 1 : 2] &= 0xffff; /* a megabyte takes long */
        break;
    case SYS_mmap:
        if (a[3] & MAP_FIXED)
            tame_range(w, &a[0], &a[1]);
        break;
    case SYS_mremap:
        tame_range(w, &a[0], &a[1]);
        if (a[3] & MREMAP_FIXED)
            tame_range(w, &a[4], &a[2]);
        break;
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_madvise:
        tame_range(w, &a[0], &a[1]);
        break;
    case SYS_futex:
        short_futex_wait(w, a);
        break;
    case SYS_execve:
        if (often > 6)
            return SYS_getppid;
        tame_exec(w, a);
        break;
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork:
    case SYS_vfork:
        if ((number != SYS_clone && often > 16) || tame_birth(w, number, a))
            return SYS_gettid;
        break;
    }
    return number;
}

static bool plausible(const struct call *call, uint64_t result)
{
    if (result >= -4095UL)
        return true;
    switch (call ? call->result : 'v') {
    case '0':
        return result == 0;
    case 'n':
        return result <= 0x7ffff000;
    case 'p':
        return result % PAGE == 0 && result >= 0x10000 && result < USER_END;
    default:
        return (int64_t)result >= 0;
    }
}

static void make_call(struct worker *w)
{
    struct passage *p = &w->passage;
    uint64_t *r = &w->random, a[6];
    uint32_t number, wanted;
    const struct call *call = NULL;
    enum door which = both_doors ? below(r, 2) : door;
    const char *broken;

    for (int i = 0; i < REGISTERS; i++)
        p->in[i] = next_random(r);
    for (int i = 0; i < 6; i++)
        a[i] = any(r);
    if (below(r, 10) == 0) { /* any number, as likely as not beyond the table */
        number = below(r, 4) ? (uint32_t)below(r, 480) : (uint32_t)any(r);
    } else {
        static const struct call *mappings;

        if (!mappings)
            for (mappings = calls; mappings->number != SYS_mmap;)
                mappings++;
        call = w->role == MAPPINGS && below(r, 4) ? mappings + below(r, 8)
                                                  : &calls[below(r, COUNT(calls))];
        number = (uint32_t)call->number;
        for (int i = 0; call->kinds[i]; i++)
            a[i] = argument_of(call->kinds[i], r);
    }
    for (int i = 0; i < 6; i++)
        tame_pointer(w, &a[i]);
    wanted = number;
    number = tame(w, number, a);
    if (number != wanted)
        call = NULL;
    p->in[RAX] = next_random(r) << 32 | number;
    for (int i = 0; i < 6; i++)
        p->in[places[i]] = a[i];
    p->flags_in = 0x202 | (next_random(r) & 0xcd5);
    (is_birth(number) ? pass_birth : pass)(p, which);
    if ((broken = broken_register(p, which)))
        violation(w, which, broken);
    if (!plausible(call, p->out[RAX]))
        violation(w, which, "a result that cannot be");
    w->calls++;
    all_calls++;
}

__attribute__((noreturn)) static void work(struct worker *w)
{
    while (w->calls < w->budget)
        make_call(w);
    sys(exit, 0);
    __builtin_unreachable();
}

static void fuzz_child(struct worker *w)
{
    if (w->fresh_memory) {
        depth++;
        forks_left = FORKS - 1;
        workers_taken = (int)(w - workers) + 1;
    }
    work(w);
}

/* Pages of each kind that a pointer may lead to; the fuzzer changes them as it goes. */
static void lay_out_arena(void)
{
    const long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    char *hot = ARENA + (ARENA_PAGES - HOT_PAGES) / 2 * PAGE;
    long file = sys(open, "/dev/sallyport", O_RDONLY);

    sys(mmap, ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    for (unsigned i = 0; i < HOT_PAGES * PAGE / 8; i += 64)
        ((uint64_t *)hot)[i] = (uint64_t)hot + (i * 56UL) % (HOT_PAGES * PAGE);
    sys(mprotect, hot, PAGE, PROT_READ);
    sys(mprotect, hot + 3 * PAGE, PAGE, PROT_NONE);
    sys(munmap, hot + 6 * PAGE, PAGE);
    sys(mmap, hot + 9 * PAGE, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0);
}

/* Of threads that work until the process ends. */
static void start_workers(uint64_t seed, int threads)
{
    struct worker origin = {.random = seed};
    struct passage *p = &origin.passage;

    workers_taken = 0;
    forks_left = FORKS;
    for (int i = 0; i < threads; i++) {
        struct worker *w = take_worker(&origin);

        w->role = i % 3;
        w->budget = NEVER;
        p->in[RAX] = SYS_clone, p->in[RDI] = DOES_THREAD, p->in[RSI] = 0;
        p->in[R14] = (uint64_t)w;
        p->flags_in = 0x202;
        pass_birth(p, door);
    }
}

/* The first thread of a process that shares nothing with anybody. It watches the others until they have
 * had their time, or do nothing any more, and tells by its status how many calls they have made. */
__attribute__((noreturn)) static void process(uint64_t seed, int threads)
{
    long before = -1, still = 0, status;

    for (int fd = 0; fd < 3; fd++)
        sys(close, fd);
    for (int fd = 0; fd < 3; fd++)
        sys(open, "/dev/null", O_RDWR);
    for (unsigned i = 0; i < COUNT(paths); i++)
        if (i != CONSOLE && i != CHANNEL)
            sys(open, paths[i], O_RDONLY);
    lay_out_arena();
    start_workers(seed, threads);
    for (int i = 0; i < LIFE && still < STILL; i++) {
        nap();
        still = all_calls == before ? still + 1 : 0;
        before = all_calls;
    }
    status = all_calls / CALLS_A_STATUS;
    sys(exit_group, ENDED_WELL + (status < STATUS_MOST ? status : STATUS_MOST));
    __builtin_unreachable();
}
