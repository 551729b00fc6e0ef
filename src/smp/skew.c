/* How far the TSCs are apart. The boot CPU asks, the other answers with its TSC, and each time the moment
 * of the answer lies between two readings of the boot CPU's own:
 *
 *     boot CPU   before ----------------- after         their TSC at a moment in between, so that
 *     other              \-- theirs --/                 theirs - (before + after) / 2 is the offset,
 *                                                       known to (after - before) / 2
 *
 * Of several rounds the quickest counts. All of them are after the CPU has woken up and said so: how long
 * that took is in none. */

#include "smp/skew.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "smp/cpus.h"

#define ROUNDS 12
/* ROUNDS_NS and TOTAL_NS bound how much is tried, by the wall: a pause of the host ends it early. */
#define ROUNDS_NS 1000000UL   /* no further round after that: each may take a host's time slice */
#define ANSWER_NS 500000000UL /* until it has woken up, on a host with many others to run */
#define TOTAL_NS  30000000UL  /* after that none is asked any more */

struct offset {
    int64_t ticks;  /* theirs less ours */
    uint64_t error; /* ticks */
};

/* A stamp that is taken after all before it and before all after it (SDM vol. 2, RDTSC). */
static uint64_t stamp(void)
{
    fence();
    uint64_t now = rdtsc();
    fence();
    return now;
}

void skew_answer(void)
{
    struct tsc_exchange *exchange = &this_cpu->self->tsc_exchange;
    uint32_t done = 0;
    struct patience patience = patience_of(ANSWER_NS);
    exchange->answered = done;
    while (exchange->asked && !patience_is_over(&patience)) {
        uint32_t round = exchange->round;
        if (round == done) {
            cpu_relax();
            continue;
        }
        exchange->stamp = stamp();
#ifdef FAULT_skewed_tsc
        exchange->stamp += this_cpu->index == 1 ? 1000 * clock_tsc_khz() : 0;
#endif
        exchange->answered = done = round;
    }
}

static bool wait_for_answer(const struct tsc_exchange *exchange, uint32_t round,
                            struct patience *patience)
{
    while (exchange->answered != round) {
        if (patience_is_over(patience))
            return false;
        cpu_relax();
    }
    return true;
}

/* False when the CPU does not answer. It has an exchange of its own, which nobody looks at any more should
 * it answer later. */
static bool compare(struct cpu *cpu, struct offset *best)
{
    struct tsc_exchange *exchange = &cpu->tsc_exchange;
    exchange->answered = UINT32_MAX;
    exchange->asked = true;
    apic_send(cpu->apic_id, VECTOR_SKEW);
    struct patience patience = patience_of(ANSWER_NS);
    uint64_t since = 0;
    bool known = false;
    for (uint32_t round = 0; round <= ROUNDS && (!known || clock_boot_ns() - since < ROUNDS_NS);
         round++) {
        uint64_t before = stamp();
        exchange->round = round;
        if (!wait_for_answer(exchange, round, &patience))
            break;
        uint64_t after = stamp(), error = (after - before + 1) / 2;
        if (round == 0) {
            since = clock_boot_ns(); /* it is awake */
        } else if (!known || error < best->error) {
            *best =
                (struct offset){(int64_t)(exchange->stamp - before - (after - before) / 2), error};
            known = true;
        }
    }
    exchange->asked = false;
    return known;
}

static uint64_t ns(uint64_t ticks)
{
    return ticks / clock_tsc_khz() * 1000000 + ticks % clock_tsc_khz() * 1000000 / clock_tsc_khz();
}

void skew_measure(void)
{
    uint64_t begin = clock_boot_ns(), most = 0, error = 0;
    unsigned agree = 1, differ = 0, silent = 0, not_asked = 0;
    for (unsigned i = 1; i < cpu_count; i++) {
        struct cpu *cpu = cpu_block(i);
        struct offset offset;
        if (!cpu->online)
            continue;
        if (clock_boot_ns() - begin > TOTAL_NS) {
            not_asked++;
            continue;
        }
        if (!compare(cpu, &offset)) {
            silent++;
            continue;
        }
        uint64_t apart = (uint64_t)(offset.ticks < 0 ? -offset.ticks : offset.ticks);
        if (apart <= offset.error) {
            agree++;
            most = apart > most ? apart : most;
            error = offset.error > error ? offset.error : error;
        } else if (differ++ < NAMED_MOST) {
            klog("smp", "TSC of CPU %u (APIC id %u) is %lu ns %s (known to %lu ns)", i,
                 cpu->apic_id, ns(apart), offset.ticks < 0 ? "behind" : "ahead", ns(offset.error));
        }
    }
    if (differ)
        klog("smp", "TSCs of %u CPUs differ: a thread that changes CPUs may see time jump", differ);
    if (silent)
        klog("smp", "TSCs of %u CPUs not compared: no answer in time", silent);
    if (not_asked)
        klog("smp", "TSCs of %u CPUs not compared: the others took too long", not_asked);
    if (agree > 1)
        klog("smp", "TSCs of %u CPUs agree within %lu ns (known to %lu ns)", agree, ns(most),
             ns(error));
}
