// What a worker asks of the kernel by itself, each call through a random door with random
// registers, and what the answers must be.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include "cpu.h"
#include "stress.h"

#define KERNEL_HALF 0xffff800000000000
#define USER_BASE   0x3ffffffffff8 // mask: a base that arch_prctl takes

#define FLAGS_FIXED 0x202    // bit 1 and IF
#define FLAGS_ANY   0xcd5    // CF PF AF ZF SF DF OF
#define FLAGS_ODD   0x244000 // NT, AC, ID: seldom, since a bug there is loud

static void fill(struct worker *w, struct door_frame *f)
{
    for (int r = 0; r < GPRS; r++)
        f->in[r] = random_next(&w->random);
    uint64_t r = random_next(&w->random);
    f->flags_in = FLAGS_FIXED | (r & FLAGS_ANY) | (r >> 40 & 7 ? 0 : r >> 16 & FLAGS_ODD);
    f->spins_in = r >> 43 & 31;
    f->spins_out = r >> 48 & 31;
    if ((r >> 53 & 127) == 0) // long enough for a tick to fall in, seldom enough to stay quick
        f->spins_in <<= 7, f->spins_out <<= 7;
    f->fs_in = random_next(&w->random);
    f->gs_in = random_next(&w->random);
    f->fs_in = f->fs_in & 1 ? f->fs_in | KERNEL_HALF : f->fs_in & ~KERNEL_HALF;
    f->gs_in = f->gs_in & 1 ? f->gs_in | KERNEL_HALF : f->gs_in & ~KERNEL_HALF;
    f->fs_want = f->fs_in;
    f->gs_want = f->gs_in;
    f->fp_mask = stress.fp.mask;
    f->xsave = stress.xsave;
    f->fsgsbase = stress.fsgsbase;
    memset(f->out, 0xa5, sizeof(f->out));

    unsigned image = r >> 60 & (FP_IMAGES - 1);
    if ((f->fs_in >> 20 & 15) == 0)
        fp_randomise(&stress.fp, w->fp[image], &w->random);
    f->fp_in = POINTER(w->fp[image]);
    f->fp_out = POINTER(w->fp[FP_IMAGES]);
}

long worker_call(struct worker *w, const char *name, uint32_t number, size_t count,
                 const uint64_t *arguments)
{
    static const int places[6] = {RDI, RSI, RDX, R10, R8, R9};
    struct door_frame *f = &w->frame;
    fill(w, f);
    f->in[RAX] = (f->in[RAX] & ~0xffffffffull) | number; // what stands above eax must not matter
    for (size_t i = 0; i < count; i++)
        f->in[places[i]] = arguments[i];
    if (number == __NR_arch_prctl && arguments[0] == ARCH_SET_GS && arguments[1] <= USER_BASE)
        f->gs_want = arguments[1];
    if (number == __NR_arch_prctl && arguments[0] == ARCH_SET_FS && arguments[1] <= USER_BASE)
        f->fs_want = arguments[1];

    if (stress.door_used[DOOR_INT] && stress.door_used[DOOR_SYSCALL])
        w->door = random_next(&w->random) & 1;
    else
        w->door = stress.door_used[DOOR_INT] ? DOOR_INT : DOOR_SYSCALL;
    w->doing = name;
    door_pass(f, w->door);

    // What may come back depends on the instruction that was executed, and tools can rewrite those.
    struct wrong wrong;
    bool syscall_door = memcmp((const void *)(uintptr_t)f->door_at, "\x0f\x05", 2) == 0;
    if (!check_frame(f, syscall_door, &wrong) ||
        !check_fp(&stress.fp, (const uint8_t *)(uintptr_t)f->fp_in, w->fp[FP_IMAGES], &wrong))
        worker_error(w, &wrong);
    long result = (long)f->out[RAX];
    if (result < -4095) // nothing called here returns an address in the kernel's half
        worker_expect(w, "an error outside -4095..-1", -4095, result);
    atomic_store_explicit(&w->calls, atomic_load_explicit(&w->calls, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return result;
}

static void identity(struct worker *w)
{
    worker_expect(w, "result", stress.pid, CALL(w, getpid));
    worker_expect(w, "result", w->tid, CALL(w, gettid));
    worker_expect(w, "result", stress.uid, CALL(w, getuid));
}

static void unknown_number(struct worker *w)
{
    static const uint32_t numbers[] = {499, 500, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    uint32_t number = numbers[random_next(&w->random) % (sizeof(numbers) / sizeof(numbers[0]))];
    worker_expect(w, "result", -ENOSYS, worker_call(w, "unknown number", number, 0, NULL));
}

static void bad_pointer(struct worker *w)
{
    static const uint64_t pointers[] = {
        0,
        8,
        0x7ffffffff000,
        0x7ffffffffff8,
        0x800000000000,
        KERNEL_HALF,
        0xffffffff80000000,
        ~7ull,
        0xdead000000000000,
    };
    uint64_t r = random_next(&w->random);
    uint64_t bad = pointers[r % (sizeof(pointers) / sizeof(pointers[0]))];
    switch (r >> 32 & 3) {
    case 0:
        worker_expect(w, "result", -EFAULT, CALL(w, clock_gettime, CLOCK_MONOTONIC, bad));
        break;
    case 1:
        worker_expect(w, "result", -EFAULT, CALL(w, uname, bad));
        break;
    case 2:
        worker_expect(w, "result", -EFAULT, CALL(w, nanosleep, bad, 0));
        break;
    default:
        worker_expect(w, "result", -EFAULT, CALL(w, arch_prctl, ARCH_GET_FS, bad));
        break;
    }
}

static void bad_argument(struct worker *w)
{
    uint64_t buffer = 0;
    worker_expect(w, "result", -EBADF, CALL(w, write, -1, POINTER(&buffer), 8));
    worker_expect(w, "result", -EBADF, CALL(w, read, 0x7fffffff, POINTER(&buffer), 8));
    worker_expect(w, "result", -EBADF, CALL(w, close, -1));
    worker_expect(w, "result", -EINVAL, CALL(w, clock_gettime, 99, POINTER(&buffer)));
    worker_expect(w, "result", -EINVAL, CALL(w, sched_setaffinity, 0, 8, POINTER(&buffer)));
}

static void here(struct worker *w)
{
    unsigned cpu = ~0u, node = ~0u;
    worker_expect(w, "result", 0, CALL(w, getcpu, POINTER(&cpu), POINTER(&node), 0));
    if (cpu >= (unsigned)CPUS_MOST || !CPU_ISSET(cpu, &w->allowed)) {
        int first = 0;
        while (first < CPUS_MOST - 1 && !CPU_ISSET(first, &w->allowed))
            first++;
        worker_expect(w, "CPU outside the affinity, which begins at", first, cpu);
    }
}

void calls_move(struct worker *w)
{
    CPU_ZERO(&w->allowed);
    uint64_t r = random_next(&w->random);
    int wanted = r & 1 ? 1 : 1 + (int)((r >> 1) % (uint64_t)CPU_COUNT(&stress.cpus));
    while (wanted > 0) {
        int skip = (int)(random_next(&w->random) % (uint64_t)CPU_COUNT(&stress.cpus)), cpu = 0;
        while (!CPU_ISSET(cpu, &stress.cpus) || skip-- > 0)
            cpu++;
        CPU_SET(cpu, &w->allowed);
        wanted--;
    }
    int whom = r >> 40 & 1 ? w->tid : 0;
    worker_expect(w, "result", 0,
                  CALL(w, sched_setaffinity, whom, sizeof(w->allowed), POINTER(&w->allowed)));
    here(w);

    cpu_set_t back;
    CPU_ZERO(&back);
    long size = CALL(w, sched_getaffinity, 0, sizeof(back), POINTER(&back));
    if (size <= 0 || !CPU_EQUAL(&back, &w->allowed))
        worker_expect(w, "affinity mask read back, its first 64 CPUs",
                      (int64_t) * (uint64_t *)&w->allowed, (int64_t) * (uint64_t *)&back);
}

// Ring 3's segment bases as the kernel sees and sets them, against what the registers hold.
static void segment_bases(struct worker *w)
{
    uint64_t r = random_next(&w->random), base = 1;
    worker_expect(w, "result", 0, CALL(w, arch_prctl, ARCH_GET_GS, POINTER(&base)));
    worker_expect(w, "GS base", (int64_t)(stress.fsgsbase ? w->frame.gs_in : w->gs), (int64_t)base);
    if (stress.fsgsbase) {
        worker_expect(w, "result", 0, CALL(w, arch_prctl, ARCH_GET_FS, POINTER(&base)));
        worker_expect(w, "FS base", (int64_t)w->frame.fs_in, (int64_t)base);
        worker_expect(w, "result", 0, CALL(w, arch_prctl, ARCH_SET_FS, r & USER_BASE));
    }
    w->gs = r & USER_BASE;
    worker_expect(w, "result", 0, CALL(w, arch_prctl, ARCH_SET_GS, w->gs));
    worker_expect(w, "result", -EPERM, CALL(w, arch_prctl, ARCH_SET_GS, r | KERNEL_HALF));
}

// Never backwards, neither for one thread nor from one thread to another.
static void time_passes(struct worker *w)
{
    static _Atomic int64_t latest;
    int64_t before = atomic_load(&latest);
    struct timespec t = {0, -1};
    worker_expect(w, "result", 0, CALL(w, clock_gettime, CLOCK_MONOTONIC, POINTER(&t)));
    int64_t now = t.tv_sec * 1000000000 + t.tv_nsec;
    if (now < before || t.tv_nsec < 0 || t.tv_nsec > 999999999)
        worker_expect(w, "CLOCK_MONOTONIC in ns, at least", before, now);
    while (before < now && !atomic_compare_exchange_weak(&latest, &before, now))
        ;
}

static void sleep_a_little(struct worker *w)
{
    struct timespec from, to, pause = {0, (long)(random_next(&w->random) % 200000)};
    worker_expect(w, "result", 0, CALL(w, clock_gettime, CLOCK_MONOTONIC, POINTER(&from)));
    if (random_next(&w->random) & 1) {
        worker_expect(w, "result", 0, CALL(w, nanosleep, POINTER(&pause), 0));
    } else {
        uint32_t word = (uint32_t)w->index;
        worker_expect(w, "result", -EAGAIN,
                      CALL(w, futex, POINTER(&word), FUTEX_WAIT, word + 1, POINTER(&pause)));
        worker_expect(w, "result", -ETIMEDOUT,
                      CALL(w, futex, POINTER(&word), FUTEX_WAIT, word, POINTER(&pause)));
    }
    worker_expect(w, "result", 0, CALL(w, clock_gettime, CLOCK_MONOTONIC, POINTER(&to)));
    int64_t slept = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
    if (slept < pause.tv_nsec)
        worker_expect(w, "ns slept, at least", pause.tv_nsec, slept);
}

void calls_round(struct worker *w)
{
    static void (*const some[])(struct worker *) = {
        identity,     identity, unknown_number, bad_pointer,
        bad_argument, here,     segment_bases,  time_passes,
    };
    uint64_t r = random_next(&w->random);
    if ((r & 0xff) == 0)
        calls_move(w);
    else if ((r & 0xff) == 1)
        sleep_a_little(w);
    else if ((r & 0xf0) == 0xf0)
        worker_expect(w, "result", 0, CALL(w, sched_yield));
    else
        some[(r >> 8) % (sizeof(some) / sizeof(some[0]))](w);
}
