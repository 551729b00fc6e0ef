/* The local APIC in xAPIC mode: registers in memory, one page, the same address on every CPU. */

#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/idt.h"
#include "cpu/io.h"
#include "cpu/regs.h"
#include "mm/paging.h"
#include <asm/errno.h>

/* SDM vol. 3, table 11-1. */
enum apic_register {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_ESR = 0x280,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};

#define SPURIOUS_ENABLE  (1U << 8)
#define LVT_MASKED       (1U << 16)
#define LVT_NMI          (4U << 8)
#define ICR_NMI          (4U << 8)
#define ICR_INIT         (5U << 8)
#define ICR_STARTUP      (6U << 8)
#define ICR_PENDING      (1U << 12)
#define ICR_ASSERT       (1U << 14)
#define DIVIDE_BY_1      0xb
#define APIC_BASE_ENABLE (1UL << 11)
#define APIC_BASE_X2     (1UL << 10)

static volatile uint32_t *registers;
static uint64_t ticks_per_ms = 1;

static uint32_t read(enum apic_register r)
{
    return registers[r / 4];
}

static void write(enum apic_register r, uint32_t value)
{
    registers[r / 4] = value;
}

bool apic_is_x2(void)
{
    return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
}

uint64_t apic_address(void)
{
    return rdmsr(MSR_APIC_BASE) & PTE_FRAME;
}

int apic_map(void)
{
    if (apic_is_x2())
        return -ENODEV;
    registers = map_physical(apic_address(), PAGE_SIZE, PTE_W | PTE_PCD | PTE_PWT);
    return registers ? 0 : -ENOMEM;
}

void apic_enable(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE);
    write(APIC_TPR, 0);
    write(APIC_LVT_TIMER, LVT_MASKED);
    write(APIC_LVT_LINT0, LVT_MASKED); /* the 8259s' way in */
    write(APIC_LVT_LINT1, LVT_NMI);    /* where PCs wire the NMI pin */
    write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
    write(APIC_ESR, 0);
    write(APIC_EOI, 0);
}

uint32_t apic_id(void)
{
    return read(APIC_ID) >> 24;
}

void apic_end_of_interrupt(void)
{
    write(APIC_EOI, 0);
}

static void send(uint32_t target, uint32_t command)
{
    write(APIC_ICR_HIGH, target << 24);
    write(APIC_ICR_LOW, command);
    /* Accepted within microseconds, or the APIC is broken and nobody will hear of it anyway. */
    for (unsigned i = 0; i < 100000 && (read(APIC_ICR_LOW) & ICR_PENDING); i++)
        cpu_relax();
}

void apic_send(uint32_t target, uint8_t vector)
{
    send(target, ICR_ASSERT | vector);
}

void apic_send_nmi(uint32_t target)
{
    send(target, ICR_ASSERT | ICR_NMI);
}

void apic_send_init(uint32_t target)
{
    send(target, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t target, uint8_t page)
{
    send(target, ICR_ASSERT | ICR_STARTUP | page);
}

void apic_timer_calibrate(void)
{
    write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    write(APIC_TIMER_INITIAL, UINT32_MAX);
    uint64_t start = clock_boot_ns();
    while (clock_boot_ns() - start < 2000000)
        cpu_relax();
    uint64_t ticks = UINT32_MAX - read(APIC_TIMER_CURRENT);
    uint64_t ns = clock_boot_ns() - start;
    write(APIC_TIMER_INITIAL, 0);
    ticks_per_ms = ticks * 1000000 / ns;
    if (!ticks_per_ms)
        ticks_per_ms = 1;
}

void apic_timer_set(uint64_t ns)
{
    /* Long waits are cut: the handler finds nothing due and sets the timer again. */
    uint64_t ticks = (ns < 1000000000 ? ns : 1000000000) * ticks_per_ms / 1000000;
    if (ticks > UINT32_MAX)
        ticks = UINT32_MAX;
    write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    write(APIC_LVT_TIMER, VECTOR_TIMER); /* one-shot */
    write(APIC_TIMER_INITIAL, ticks ? (uint32_t)ticks : 1);
}

/* Intel 8259A: ICW1..ICW4 to the command (even) and data (odd) ports. */
void pic_mask(void)
{
    static const uint16_t command[] = {0x20, 0xa0};
    for (unsigned i = 0; i < 2; i++) {
        uint16_t data = command[i] + 1;
        outb(command[i], 0x11);                    /* ICW1: edge, cascade, ICW4 follows */
        outb(data, (uint8_t)(VECTOR_PIC + 8 * i)); /* ICW2: first vector */
        outb(data, i == 0 ? 1 << 2 : 2);           /* ICW3: the slave is on line 2 */
        outb(data, 0x01);                          /* ICW4: 8086 mode */
        outb(data, 0xff);                          /* mask all */
    }
}
