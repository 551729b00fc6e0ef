// The loops in assembly by name, and how a call is put into the registers they load.
#define _GNU_SOURCE
#include "bench.h"

#include <sys/syscall.h>

#include "bench_calls.h"

#define LOOP(name)                                                                                 \
    bench_loop bench_##name;                                                                       \
    extern const char bench_##name##_end[];
LOOP(call_nop)
LOOP(call_int)
LOOP(call_syscall)
LOOP(call_gate)
LOOP(shared_nop)
LOOP(shared_int)
LOOP(shared_syscall)
LOOP(page_nop)
LOOP(page_int)
LOOP(page_syscall)
LOOP(handoff_nop)
LOOP(handoff_int)
LOOP(handoff_syscall)

const struct loops call_loops = {bench_call_nop, {bench_call_int, bench_call_syscall}},
                   shared_loops = {bench_shared_nop, {bench_shared_int, bench_shared_syscall}},
                   gate_loops = {bench_call_nop, {bench_call_gate, NULL}},
                   page_loops = {bench_page_nop, {bench_page_int, bench_page_syscall}},
                   handoff_loops = {bench_handoff_nop, {bench_handoff_int, bench_handoff_syscall}};

// One after the other; each has a nop where the other has two bytes that are a door.
static bool alike(bench_loop *nop, const char *nop_end, bench_loop *loop, const char *end)
{
    const unsigned char *a = (const unsigned char *)(uintptr_t)nop,
                        *b = (const unsigned char *)(uintptr_t)loop;
    size_t size = (size_t)(nop_end - (const char *)a);
    if (size != (size_t)(end - (const char *)b))
        return false;
    unsigned doors = 0;
    for (size_t i = 0; i < size; i++) {
        if (a[i] == b[i])
            continue;
        bool is_int = b[i] == 0xcd && (b[i + 1] == 0x80 || b[i + 1] == LAB_GATE);
        bool is_syscall = b[i] == 0x0f && b[i + 1] == 0x05;
        if (i + 1 == size || a[i] != 0x66 || a[i + 1] != 0x90 || !(is_int || is_syscall))
            return false;
        doors++;
        i++;
    }
    return doors > 0;
}

bool loops_are_alike(void)
{
#define ALIKE(loop, door)                                                                          \
    alike(bench_##loop##_nop, bench_##loop##_nop_end, bench_##loop##_##door,                       \
          bench_##loop##_##door##_end)
    return ALIKE(call, int) && ALIKE(call, syscall) && ALIKE(call, gate) && ALIKE(shared, int) &&
           ALIKE(shared, syscall) && ALIKE(page, int) && ALIKE(page, syscall) &&
           ALIKE(handoff, int) && ALIKE(handoff, syscall);
}

static const int numbers[CALLS] = {
    [CALL_GETPID] = SYS_getpid,
    [CALL_ENOSYS] = CALL_UNKNOWN,
    [CALL_CLOCK_GETTIME] = SYS_clock_gettime,
    [CALL_WRITE] = SYS_write,
    [CALL_FUTEX] = SYS_futex,
    [CALL_YIELD] = SYS_sched_yield,
    [CALL_MMAP] = SYS_mmap,
    [CALL_MUNMAP] = SYS_munmap,
};

void call_set(struct bench_call *call, enum door door, unsigned which, const long arguments[6])
{
    static const long none[6];
    const uint64_t *a = (const uint64_t *)(arguments ? arguments : none);
    if (door == DOOR_INT && !bench.doors.one_table) {
        call->number = (uint64_t)i386_numbers[which];
        call->rbx = a[0], call->rcx = a[1], call->rdx = a[2];
        call->rsi = a[3], call->rdi = a[4], call->rbp = a[5];
    } else {
        call->number = (uint64_t)numbers[which];
        call->rdi = a[0], call->rsi = a[1], call->rdx = a[2];
        call->r10 = a[3], call->r8 = a[4], call->r9 = a[5];
    }
}
