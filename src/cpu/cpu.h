/* The per-CPU block: what each CPU owns, found through the GS base while in ring 0 and kept in
 * KERNEL_GS_BASE while in ring 3. The first page is written by its own CPU alone; what other CPUs
 * write (run queue, requests) begins on the next. */
#pragma once

#include "cpu/spinlock.h"
#include "cpu/trap_frame.h"
#include "lib/tree.h"
#include "mm/layout.h"
#include "lib/static_assert.h"
#include <stdbool.h>

/* GDT order: STAR gives sysret SS = base + 8 and CS = base + 16 (SDM vol. 2, SYSRET), so user data
 * lies right before user code. */
enum selector {
    KERNEL_CS = 0x08,
    KERNEL_SS = 0x10,
    USER_SS = 0x18 | 3,
    USER_CS = 0x20 | 3,
    TSS_SELECTOR = 0x28,
};
static_assert(KERNEL_SS == KERNEL_CS + 8, "syscall loads SS from STAR[47:32] + 8");
static_assert(USER_CS == USER_SS + 8, "sysretq loads SS and CS from STAR[63:48] + 8 and + 16");

/* Interrupt-stack-table slots (TSS.ISTn, n from 1): the exceptions that can strike between an entry
 * and its swapgs, or on a bad stack. */
enum ist {
    IST_NMI = 1,
    IST_DEBUG,
    IST_DOUBLE_FAULT,
    IST_MACHINE_CHECK,
    IST_COUNT = IST_MACHINE_CHECK,
};

/* 64-bit TSS (SDM vol. 3, 8.7). */
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_bitmap;
} __attribute__((packed));
static_assert(sizeof(struct tss) == 104, "SDM vol. 3, figure 8-11");

/* How far a CPU has come on its way up. */
enum cpu_state {
    CPU_STATE_STARTING, /* has a block */
    CPU_STATE_RUNNING,  /* has found it */
    CPU_STATE_GIVEN_UP, /* may not claim it: INIT is on its way, or it was silent too long */
};

/* Why this CPU must take the slow way out (cpu.work). */
enum work {
    WORK_RESCHEDULE = 1 << 0, /* the slice is over, or a thread became runnable here */
    WORK_THREAD = 1 << 1,     /* the current thread blocked, ends, was born, changed its affinity */
    WORK_STEP = 1 << 2,       /* a single step of the current thread's was held over (sys/trap.h) */
    WORK_SCREEN = 1 << 3,     /* more of the screen is to be drawn (dev/console.h) */
};

struct thread;
struct space;

struct run_queue {
    struct spinlock lock; /* rank LOCK_RUN_QUEUE; guards the queue and idle */
    struct thread *head, *tail;
    unsigned length;
    bool idle; /* halted or about to: a waker must send an interrupt */
};

struct sleepers {
    struct spinlock lock; /* rank LOCK_TIMER; guards the tree */
    struct tree tree;     /* by rising deadline */
    uint64_t none_before; /* the first deadline; UINT64_MAX: none */
};

/* The most that the masks below have bits for. */
#define CPUS_MAX 1024U

/* What a CPU asks others to drop from their TLBs (smp/shootdown.c). */
struct shootdown {
    uint64_t start, end;      /* written by the one who asks, while nobody is awaited */
    _Atomic uint32_t awaited; /* CPUs that have yet to flush; counted down by them */
};

/* Between the boot CPU and this one, while their TSCs are compared (smp/skew.c). */
struct tsc_exchange {
    _Atomic bool asked;        /* to take part, by the boot CPU, until it says otherwise */
    _Atomic uint32_t round;    /* 1 .., by the boot CPU: answer this one */
    _Atomic uint32_t answered; /* the round, after its stamp; 0: is awake */
    uint64_t stamp;            /* TSC */
};

struct cpu {
    /* What the doors touch: a cache line that no other CPU so much as reads. */
    uint64_t stack_top;     /* of the syscall stack, also TSS.RSP0; constant */
    uint64_t user_rsp;      /* door_syscall's scratch: ring 3's rsp until it is in the frame */
    uint32_t work;          /* enum work, a bit set */
    uint32_t no_fault;      /* user copies must not resolve page faults now */
    struct thread *current; /* NULL while idle */
    struct cpu *self;
    uint32_t locks_held; /* bit set of enum lock_rank */
    uint64_t kernel_cr3; /* what the doors load with page-table isolation; written by space_load */
    uint64_t user_cr3;

    /* What others read. Constant but for the two spaces. */
    _Alignas(64) uint32_t index; /* 0 .. cpu_count - 1 */
    uint32_t apic_id;
    uint32_t acpi_uid;
    uint8_t nmi_pins, nmi_pins_low; /* bit n: LINTn takes NMIs; and is active low */
    struct space *space;            /* whose page tables CR3 holds; NULL: the kernel's */
    struct space *next_space;       /* and will hold in a moment (space_load) */

    _Alignas(
        64) uint64_t slice_end; /* clock_boot_ns at which the current thread must yield to others */
    uint64_t timer_deadline;    /* clock_boot_ns the APIC timer is set for; UINT64_MAX: not set */
    uint64_t nmi_count, interrupt_count; /* that it has taken */
    bool lab_installed;                  /* a stub stands in one of its doors: sys/lab.h */
    uint64_t off_since,
        off_kind; /* TSC at which interrupts went off, 0: not timed; by what: sys/irqsoff.h */

    _Alignas(16) uint64_t gdt[8]; /* null, code, data, user data, user code, TSS (two), spare */
    struct tss tss;

    /* What other CPUs write too. */
    _Alignas(PAGE_SIZE) _Atomic uint32_t online; /* takes threads */
    _Atomic uint32_t state;                      /* enum cpu_state */
    _Atomic uint32_t stopped;                    /* by panic */
    _Atomic uint32_t shootdown_asked;            /* there is a bit in shootdown_from */
    _Alignas(64) struct shootdown shootdown;
    _Atomic uint64_t
        shootdown_from[CPUS_MAX / 64]; /* CPUs, by index, that wait for this one to flush */
    _Alignas(64) struct run_queue run_queue;
    _Alignas(64) struct sleepers sleepers;
    _Alignas(64) struct tsc_exchange tsc_exchange;
};
static_assert(offsetof(struct cpu, user_cr3) + 8 <= 64 && offsetof(struct cpu, index) == 64,
              "the doors' line is nobody else's");
static_assert(offsetof(struct cpu, online) == PAGE_SIZE, "one page is this CPU's alone");

/* This CPU's block, by GS-relative addressing: one instruction, right even between two CPUs'
 * turns. */
#define this_cpu ((struct cpu __seg_gs *)0)

/* One CPU's stride in the PER_CPU_BASE area, in pages; what is not listed stays unmapped, so every
 * stack ends in a guard page. */
#define CPU_STRIDE        (32 * PAGE_SIZE)
#define CPU_STACK_OFFSET  (1 * PAGE_SIZE)
#define CPU_STACK_SIZE    (4 * PAGE_SIZE)
#define CPU_IST_OFFSET(n) ((7 + ((n)-1) * 3) * PAGE_SIZE)
#define CPU_IST_SIZE      (1 * PAGE_SIZE)
#define CPU_BLOCK_OFFSET  (30 * PAGE_SIZE)

/* A stack is C's SIZE bytes and one page more above them, where the frame lies alone: its first byte is
 * the page's. With page-table isolation, that page is all of a stack that ring 3's tables map. */
#define CPU_STACK_FRAME  (CPU_STACK_OFFSET + CPU_STACK_SIZE)
#define CPU_IST_FRAME(n) (CPU_IST_OFFSET(n) + CPU_IST_SIZE)
static_assert(CPU_STACK_FRAME + PAGE_SIZE < CPU_IST_OFFSET(1) &&
                  CPU_IST_FRAME(1) + PAGE_SIZE < CPU_IST_OFFSET(2) &&
                  CPU_IST_FRAME(IST_COUNT) + PAGE_SIZE < CPU_BLOCK_OFFSET,
              "a guard page below each stack and the block");
static_assert(sizeof(struct cpu) <= CPU_STRIDE - CPU_BLOCK_OFFSET, "the block fits its pages");

extern unsigned cpu_count; /* blocks that exist: cpu_block(0) .. cpu_block(cpu_count - 1) */

static inline struct cpu *cpu_block(unsigned index)
{
    return (struct cpu *)(PER_CPU_BASE + index * CPU_STRIDE + CPU_BLOCK_OFFSET);
}

/* Ring 3's frame of this CPU, complete only on the slow way out. */
static inline struct trap_frame *user_frame(void)
{
    return (struct trap_frame *)this_cpu->stack_top - 1;
}

/* Frames that one CPU takes at most: all that is mapped of its stride, and the tables that lead there. */
#define CPU_FRAMES (CPU_STACK_SIZE / PAGE_SIZE + 1 + 2 * IST_COUNT + 2 + 2 * 3)

/* Maps and fills the block and stacks of the next CPU. 0, or -ENOMEM, and nothing was taken. Boot CPU
 * only, before any other runs. */
int cpu_block_create(uint32_t apic_id, uint32_t acpi_uid);

/* Loads GDT, TSS, IDT and GS base, turns on the CPU's features and opens the doors, on the calling
 * CPU. The boot CPU and every other run the same. */
void cpu_init(struct cpu *cpu);
