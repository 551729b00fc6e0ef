// Each thread's x87, SSE and AVX state is its own: it survives system calls, preemption and moves
// to other CPUs while other threads hold other values in the same registers.
// flags: -pthread

#define _GNU_SOURCE
#include <cpuid.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "ktap.h"

enum { THREADS = 6, ROUNDS = 150 };

/* What FXSAVE stores (SDM vol. 1, table 10-2), as far as a program owns it. */
struct legacy {
    uint16_t control, status;
    uint8_t tags, reserved;
    uint16_t opcode;
    uint64_t ip, dp;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t st[8][16]; /* ten bytes each */
    uint8_t xmm[16][16];
    uint8_t rest[96];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct legacy) == 512, "FXSAVE stores 512 bytes");

struct state {
    struct legacy legacy;
    uint8_t ymm[16][32];
} __attribute__((aligned(64)));

static bool has_avx;

#define ALL(OP)                                                                                    \
    OP(0)                                                                                          \
    OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7) OP(8) OP(9) OP(10) OP(11) OP(12) OP(13) OP(14) OP(15)
#define LOAD(n)  "vmovups 512+32*" #n "(%[in]), %%ymm" #n "\n\t"
#define STORE(n) "vmovups %%ymm" #n ", 512+32*" #n "(%[out])\n\t"

/* Loads `in` into every register, makes one system call or, with number -1, spins `spins` times,
 * and stores what the registers then hold in `out`; nothing of C runs in between. */
static void hold(const struct state *in, struct state *out, long number, const long args[3],
                 long spins)
{
    static const struct legacy sane = {.control = 0x37f, .mxcsr = 0x1f80};
    register long rax __asm__("rax") = number;

    __asm__ volatile("fxrstor64 (%[in])\n\t"
                     "test %[avx], %[avx]\n\t"
                     "jz 1f\n\t" ALL(LOAD) "1: cmp $-1, %%rax\n\t"
                                           "je 2f\n\t"
                                           "syscall\n\t"
                                           "jmp 3f\n"
                                           "2: dec %[spins]\n\t"
                                           "jnz 2b\n"
                                           "3: fxsave64 (%[out])\n\t"
                                           "test %[avx], %[avx]\n\t"
                                           "jz 4f\n\t" ALL(STORE) "vzeroupper\n"
                                                                  "4: fxrstor64 (%[sane])\n\t"
                     : "+a"(rax), [spins] "+r"(spins)
                     : [in] "r"(in), [out] "r"(out), [sane] "r"(&sane), [avx] "r"((long)has_avx),
                       "D"(args[0]), "S"(args[1]), "d"(args[2])
                     : "rcx", "r11", "memory", "cc");
}

/* Values that no other seed has, valid for FXRSTOR: all eight x87 registers in use, all exceptions
 * masked, precision, rounding mode and MXCSR flags by seed. */
static void fill(struct state *s, unsigned seed)
{
    memset(s, 0, sizeof(*s));
    s->legacy.control = (uint16_t)(0x37f ^ (seed & 4) << 6 ^ (seed & 3) << 10);
    s->legacy.tags = 0xff;
    s->legacy.mxcsr = 0x1f80 | (seed & 3) << 13 | (seed & 0x3d);
    for (unsigned i = 0; i < 8; i++) {
        memset(s->legacy.st[i], (int)(seed * 8 + i + 1), 8);
        s->legacy.st[i][7] |= 0x80; /* a normal number */
        s->legacy.st[i][9] = 0x3f;
        s->legacy.st[i][8] = (uint8_t)(seed + i);
    }
    for (unsigned i = 0; i < 16; i++) {
        memset(s->ymm[i], (int)(seed * 16 + i + 1), 16);
        memset(s->ymm[i] + 16, (int)(seed * 16 + i + 101), 16);
        memcpy(s->legacy.xmm[i], s->ymm[i], 16);
    }
}

/* The parts in which two states differ, as a sum of bits. */
enum { X87_CONTROL = 1, X87_TAGS = 2, X87_STACK = 4, MXCSR = 8, XMM = 16, YMM = 32 };

static int difference(const struct state *a, const struct state *b)
{
    int parts = 0;

    parts |= a->legacy.control != b->legacy.control ? X87_CONTROL : 0;
    parts |= a->legacy.tags != b->legacy.tags ? X87_TAGS : 0;
    parts |= a->legacy.mxcsr != b->legacy.mxcsr ? MXCSR : 0;
    for (int i = 0; i < 8; i++)
        parts |= memcmp(a->legacy.st[i], b->legacy.st[i], 10) ? X87_STACK : 0;
    parts |= memcmp(a->legacy.xmm, b->legacy.xmm, sizeof(a->legacy.xmm)) ? XMM : 0;
    if (has_avx)
        parts |= memcmp(a->ymm, b->ymm, sizeof(a->ymm)) ? YMM : 0;
    return parts;
}

enum kind { SPIN, YIELD, SLEEP, MOVE, FAIL, KINDS };
static atomic_int lost[KINDS];

static int after(enum kind kind, unsigned seed)
{
    static const struct timespec short_time = {0, 100000};
    static __thread struct state in, out;
    unsigned long cpu = 1UL << (seed & 1);
    const long nothing[3] = {-1, 0, 0}, nap[3] = {(long)&short_time, 0, 0};
    const long move[3] = {0, sizeof(cpu), (long)&cpu};

    fill(&in, seed);
    switch (kind) {
    case SPIN:
        hold(&in, &out, -1, nothing, 300000);
        break;
    case YIELD:
        hold(&in, &out, SYS_sched_yield, nothing, 0);
        break;
    case SLEEP:
        hold(&in, &out, SYS_nanosleep, nap, 0);
        break;
    case MOVE: /* to CPU 0 or 1; refused where there is one CPU only */
        hold(&in, &out, SYS_sched_setaffinity, move, 0);
        break;
    default:
        hold(&in, &out, SYS_close, nothing, 0);
    }
    return difference(&in, &out);
}

static void *work(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        for (enum kind kind = 0; kind < KINDS; kind++)
            lost[kind] |= after(kind, (unsigned)(long)arg * 37 + i);
    return NULL;
}

static struct state fresh;

static void *look(void *arg)
{
    __asm__ volatile("fxsave64 %0" : "=m"(fresh.legacy));
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    unsigned a, b, c = 0, d, xcr0 = 0;

    __get_cpuid(1, &a, &b, &c, &d);
    if (c & bit_OSXSAVE)
        __asm__("xgetbv" : "=a"(xcr0), "=d"(d) : "c"(0));
    has_avx = (c & bit_AVX) && (xcr0 & 6) == 6;
    plan(8);
    note("AVX:", has_avx);
    look(NULL);
    is(fresh.legacy.control, 0x37f, "a program starts with the ABI's x87 control word");
    is(fresh.legacy.mxcsr & 0xffc0, 0x1f80, "a program starts with the ABI's MXCSR");
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    is(lost[SPIN], 0, "state survives preemption (1 FCW, 2 tags, 4 x87, 8 MXCSR, 16 XMM, 32 YMM)");
    is(lost[YIELD], 0, "state survives sched_yield");
    is(lost[SLEEP], 0, "state survives a sleep");
    is(lost[MOVE], 0, "state survives a move to another CPU");
    is(lost[FAIL], 0, "state survives a system call that fails");
    pthread_create(&threads[0], NULL, look, NULL);
    pthread_join(threads[0], NULL);
    is(fresh.legacy.control, 0x37f, "a thread starts with its creator's x87 control word");
    return done();
}
