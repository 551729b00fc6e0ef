// stress, the parts it is made of: a worker, the frame it takes through a door, what is checked
// after every call, and what the workers do to one another.
#pragma once

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "door.h"

// ---- one passage through a door (stress_door.c)

// General registers in the order of their encoding.
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPRS };

// What is loaded before the door and captured after it. While the door is passed, rsp points at
// `in`, so the words before it are the red zone and everything is reached through rsp alone.
struct door_frame {
    uint64_t red_zone[16];
    uint64_t in[GPRS], out[GPRS]; // in[RSP] is set by the passage itself
    uint64_t flags_in, flags_out;
    uint64_t red_out[2]; // [rsp-8] and [rsp-128], which must still hold r15 and r14
    uint64_t ss_in, ss_out;
    uint64_t fs_in, fs_out, gs_in, gs_out; // bases; with FSGSBASE only
    uint64_t fs_own;                       // what libc keeps there, put back at the end
    uint64_t fs_want, gs_want;             // expected after: `in`, or what arch_prctl sets
    uint64_t spins_in, spins_out;          // turns to wait right before and right after the door
    uint64_t door_at;                      // set by the passage: where the door instruction lies
    uint64_t fp_mask, fp_in, fp_out;       // XSAVE components; addresses of the images
    uint64_t xsave, fsgsbase;              // what this CPU and kernel allow: 0 or 1
    uint64_t kept_rbx, kept_rbp, kept_rsp; // C's own
} __attribute__((aligned(64)));

void door_pass(struct door_frame *frame, enum door door);

// ---- what the ABI promises (stress_check.c: pure)

struct wrong {
    const char *what;
    uint64_t expected, got;
};

// Whether everything but rax came back as promised. syscall_door: by the instruction that was
// really executed. False fills wrong with the first difference.
bool check_frame(const struct door_frame *frame, bool syscall_door, struct wrong *wrong);

// Where each XSAVE component lies in an image, as CPUID leaf 0xd has it.
#define FP_COMPONENTS 8 // x87 SSE AVX (MPX) (MPX) opmask ZMM_Hi256 Hi16_ZMM
#define FP_IMAGE      4096
struct fp_layout {
    uint64_t mask; // components 0 and 1 always; the same with fxsave
    uint32_t offset[FP_COMPONENTS], size[FP_COMPONENTS];
};

void fp_randomise(const struct fp_layout *layout, uint8_t *image, uint64_t *random);
bool check_fp(const struct fp_layout *layout, const uint8_t *in, const uint8_t *out,
              struct wrong *wrong);

uint64_t random_next(uint64_t *state); // splitmix64

// ---- the workers (stress.c, stress_calls.c, stress_shared.c)

#define FP_IMAGES 4
struct worker {
    _Alignas(64) _Atomic uint64_t calls; // written by this worker alone, read by the watchdog
    _Atomic bool done;
    const char *volatile doing;
    volatile enum door door;
    struct door_frame frame;
    int index, tid;
    uint64_t random;
    bool change_page_tables; // the mapper, of which there is one
    cpu_set_t allowed;       // as last set by itself
    uint64_t gs;             // as last set by arch_prctl, where there is no FSGSBASE
    uint32_t generation;     // of the shared pages, as last seen
    uint32_t spent;          // of what its seat has received, in the seat's unit
    _Alignas(64) uint8_t fp[FP_IMAGES + 1][FP_IMAGE];
};

extern struct stress {
    bool door_used[DOORS], xsave, fsgsbase;
    struct fp_layout fp;
    int threads, pid, uid;
    cpu_set_t cpus;
    _Atomic bool stop_mapper, stop;
    _Atomic uint64_t errors;
} stress;

// One call through a random door, everything else checked; arguments not given are random.
#define CALL(worker, name, ...)                                                                    \
    worker_call(worker, #name, __NR_##name,                                                        \
                sizeof((uint64_t[]){0, ##__VA_ARGS__}) / sizeof(uint64_t) - 1,                     \
                &(uint64_t[]){0, ##__VA_ARGS__}[1])
long worker_call(struct worker *worker, const char *name, uint32_t number, size_t count,
                 const uint64_t *arguments);

// Counts an error and prints it: who, where, by which door, in which call.
void worker_error(struct worker *worker, const struct wrong *wrong);
void worker_expect(struct worker *worker, const char *what, int64_t expected, int64_t got);

void calls_round(struct worker *worker);   // one call or a few that belong together
void calls_move(struct worker *worker);    // to random CPUs
bool shared_start(void);                   // before the first worker; false: no memory
void shared_round(struct worker *worker);  // the worker's part in ring and pages, if it is asked
void shared_mapper(struct worker *worker); // changes page tables until stop_mapper
void shared_stop(struct worker *worker);   // wakes whoever waits for a token
void shared_count(struct worker *workers); // after all have ended: an error if a token is missing

// From Linux's uapi headers, which musl does not bring along.
enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004 };
enum { FUTEX_WAIT, FUTEX_WAKE, FUTEX_PRIVATE = 128 };

#define POINTER(p) ((uint64_t)(uintptr_t)(p))
