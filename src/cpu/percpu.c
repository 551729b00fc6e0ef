/* Each CPU's own memory and tables: the block, the stacks, the GDT and the TSS. */

#include "cpu/cpu.h"
#include "cpu/clean_state.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/idt.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/paging.h"
#include "sys/doors.h"
#include <asm/errno.h>

unsigned cpu_count;

/* Segment descriptors (SDM vol. 3, 3.4.5): long mode looks at type, DPL, P and L only. */
#define DESCRIPTOR_CODE 0x00209a0000000000UL /* P, code, readable, L */
#define DESCRIPTOR_DATA 0x0000920000000000UL /* P, data, writable */
#define DESCRIPTOR_DPL3 0x0000600000000000UL
#define DESCRIPTOR_TSS  0x0000890000000000UL /* P, available 64-bit TSS */

static int map_fresh(uint64_t base, uint64_t size, uint64_t flags)
{
    for (uint64_t va = base; va < base + size; va += PAGE_SIZE) {
        phys_addr_t frame = frame_alloc_zeroed();
        if (!frame)
            return -ENOMEM;
        int error = kernel_map(va, frame, PAGE_SIZE, PTE_W | PTE_NX | flags);
        if (error)
            return error;
    }
    return 0;
}

int cpu_block_create(uint32_t apic_id, uint32_t acpi_uid)
{
    /* Asked first, for a block that is mapped in part could not be given back. Nobody else takes any
     * meanwhile. */
    if (frames_free() < CPU_FRAMES)
        return -ENOMEM;
    uint64_t base = PER_CPU_BASE + cpu_count * CPU_STRIDE;
    int error = map_fresh(base + CPU_STACK_OFFSET, CPU_STACK_SIZE, 0);
    if (!error)
        error = map_fresh(base + CPU_STACK_FRAME, PAGE_SIZE, PTE_ENTRY);
    for (unsigned n = 1; !error && n <= IST_COUNT; n++) {
        error = map_fresh(base + CPU_IST_OFFSET(n), CPU_IST_SIZE, 0);
        if (!error)
            error = map_fresh(base + CPU_IST_FRAME(n), PAGE_SIZE, PTE_ENTRY);
    }
    if (!error) /* its first page: what the doors touch, the GDT, the TSS */
        error = map_fresh(base + CPU_BLOCK_OFFSET, PAGE_SIZE, PTE_ENTRY);
    if (!error)
        error = map_fresh(base + CPU_BLOCK_OFFSET + PAGE_SIZE,
                          CPU_STRIDE - CPU_BLOCK_OFFSET - PAGE_SIZE, 0);
    if (error)
        return error;

    struct cpu *cpu = cpu_block(cpu_count);
    cpu->self = cpu;
    cpu->index = cpu_count++;
    cpu->apic_id = apic_id;
    cpu->acpi_uid = acpi_uid;
    cpu->timer_deadline = UINT64_MAX;
    cpu->stack_top = base + CPU_STACK_FRAME + sizeof(struct trap_frame);
    cpu->kernel_cr3 = kernel_page_tables();
    cpu->run_queue.lock = (struct spinlock)SPINLOCK("run queue", LOCK_RUN_QUEUE);
    cpu->sleepers.lock = (struct spinlock)SPINLOCK("sleepers", LOCK_TIMER);
    cpu->sleepers.none_before = UINT64_MAX;

    cpu->gdt[KERNEL_CS / 8] = DESCRIPTOR_CODE;
    cpu->gdt[KERNEL_SS / 8] = DESCRIPTOR_DATA;
    cpu->gdt[USER_SS / 8] = DESCRIPTOR_DATA | DESCRIPTOR_DPL3;
    cpu->gdt[USER_CS / 8] = DESCRIPTOR_CODE | DESCRIPTOR_DPL3;
    uint64_t tss = (uint64_t)&cpu->tss;
    cpu->gdt[TSS_SELECTOR / 8] = DESCRIPTOR_TSS | (sizeof(struct tss) - 1) |
                                 (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;

    cpu->tss.rsp[0] = cpu->stack_top;
    /* Beyond the limit: no port is open to ring 3 (SDM vol. 1, 19.5.2). */
    cpu->tss.io_bitmap = sizeof(struct tss);
    for (unsigned n = 1; n <= IST_COUNT; n++) {
        /* An entry on an IST stack cannot trust GS: the word above its frame leads to the block. */
        uint64_t top = base + CPU_IST_FRAME(n) + sizeof(struct trap_frame);
        *(struct cpu **)top = cpu;
        cpu->tss.ist[n - 1] = top;
    }
    return 0;
}

static void load_segments(struct cpu *cpu)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdt = {sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt};

    cpu->gdt[TSS_SELECTOR / 8] &= ~(1UL << 41); /* ltr wants it not busy */
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t" /* a far return is the way to load CS in long mode */
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovl %2, %%ss\n\t"
                     "movl %3, %%ds\n\t"
                     "movl %3, %%es\n\t"
                     "movl %3, %%fs\n\t"
                     "movl %3, %%gs\n\t"
                     "ltr %w4"
                     :
                     : "m"(gdt), "i"(KERNEL_CS), "r"(KERNEL_SS), "r"(0), "r"(TSS_SELECTOR)
                     : "rax", "memory");
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    wrmsr(MSR_KERNEL_GS_BASE, 0); /* ring 3's GS base while in ring 0 */
    wrmsr(MSR_FS_BASE, 0);
}

void cpu_init(struct cpu *cpu)
{
    load_segments(cpu);
    idt_load();
    cpu_clean_state();
    cpu_features_enable();
    fpu_init();
    doors_open();
    if (cpu_has(FEATURE_RDTSCP))
        wrmsr(MSR_TSC_AUX, cpu->index); /* rdtscp in ring 3 names the CPU, as on Linux */
}
