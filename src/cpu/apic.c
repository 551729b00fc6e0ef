/* The local APIC, in both of its modes. They differ in how a register is reached, in the command
 * register, and in nothing else that matters here. */

#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/io.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "mm/paging.h"
#include <asm/errno.h>

/* SDM vol. 3, table 11-1. */
enum apic_register {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_ESR = 0x280,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_PERFORMANCE = 0x340, /* where the version's highest entry is 4 or above */
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
#define LVT_ACTIVE_LOW   (1U << 13)
#define APIC_BASE_ENABLE (1UL << 11)

#define CALIBRATE_NS 2000000UL /* how long the timer is watched */
#define SEND_NS      200000    /* an APIC passes a message on within a few microseconds */

static bool x2;                    /* the mode of all CPUs: the registers are MSRs; else one page */
static uint64_t address;           /* the page's, physical, the same for every CPU */
volatile uint32_t *apic_registers; /* the page; NULL in x2APIC mode. Read by the trampoline too */
static uint64_t ticks_per_ms = 1;

static uint32_t read(enum apic_register r)
{
    return x2 ? (uint32_t)rdmsr(MSR_X2APIC + r / 16) : apic_registers[r / 4];
}

static void write(enum apic_register r, uint32_t value)
{
    if (x2)
        wrmsr(MSR_X2APIC + r / 16, value);
    else
        apic_registers[r / 4] = value;
}

uint64_t apic_address(void)
{
    return rdmsr(MSR_APIC_BASE) & PTE_FRAME;
}

/* From off or xAPIC mode, step by step, to the mode chosen (SDM vol. 3, 11.12.5). An INIT changes nothing
 * of this. -ENODEV when the firmware left this APIC, and not the boot CPU's, in x2APIC mode. */
static int enter_mode(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    if (base & APIC_BASE_X2)
        return x2 ? 0 : -ENODEV;
    base = (base & ~PTE_FRAME) | address | APIC_BASE_ENABLE;
    wrmsr(MSR_APIC_BASE, base);
    if (x2)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
    return 0;
}

int apic_init(uint8_t wanted, uint32_t highest_id)
{
    const struct apic_facts facts = {
        .wanted = wanted,
        .x2_available = cpuid(1, 0).ecx >> 21 & 1,
        .x2_now = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2,
        .highest_id = highest_id,
    };
    const char *why;
    x2 = apic_choose_x2(&facts, &why);
    klog("apic", "%s mode: %s", x2 ? "x2APIC" : "xAPIC", why);
    address = apic_address();
    if (!x2)
        apic_registers = map_physical(address, PAGE_SIZE, PTE_W | PTE_PCD | PTE_PWT);
    if (!x2 && !apic_registers)
        return -ENOMEM;
    return enter_mode();
}

uint32_t apic_id_max(void)
{
    return x2 ? X2APIC_ID_MAX : XAPIC_ID_MAX;
}

/* An NMI's pin is always sensitive to edges, whatever is written (SDM vol. 3, 11.5.1). */
static uint32_t pin(unsigned n)
{
    if (!(this_cpu->nmi_pins >> n & 1))
        return LVT_MASKED;
    return LVT_NMI | (this_cpu->nmi_pins_low >> n & 1 ? LVT_ACTIVE_LOW : 0);
}

int apic_enable(void)
{
    if (enter_mode())
        return -ENODEV;
    write(APIC_TPR, 0);
    /* First, for INIT turns it off, and as long as it is off no pin's mask can be cleared (SDM vol. 3,
     * 11.4.7.2). */
    write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    write(APIC_LVT_TIMER, LVT_MASKED);
    write(APIC_LVT_LINT0, pin(0)); /* otherwise the 8259s' way in */
    write(APIC_LVT_LINT1, pin(1));
    write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
    if ((read(APIC_VERSION) >> 16 & 0xff) >= 4)
        write(APIC_LVT_PERFORMANCE, LVT_MASKED); /* counters that firmware left running */
    write(APIC_ESR, 0);
    write(APIC_EOI, 0);
    return 0;
}

uint32_t apic_id(void)
{
    return x2 ? read(APIC_ID) : read(APIC_ID) >> 24;
}

void apic_end_of_interrupt(void)
{
    write(APIC_EOI, 0);
}

uint32_t apic_take_errors(void)
{
    write(APIC_ESR, 0); /* what has happened is shown only then (SDM vol. 3, 11.5.3) */
    return read(APIC_ESR);
}

/* In xAPIC mode the store to an uncached register comes after all before it. The WRMSR of x2APIC mode does
 * not by itself, and would let an interrupt arrive before what it is about (SDM vol. 3, 11.12.3); there,
 * in turn, nothing is ever pending. */
static void send(uint32_t target, uint32_t command)
{
    if (x2) {
        fence();
        wrmsr(MSR_X2APIC + APIC_ICR_LOW / 16, (uint64_t)target << 32 | command);
        return;
    }
    if (read(APIC_ICR_LOW) & ICR_PENDING) {
        struct patience patience = patience_of(SEND_NS);
        while ((read(APIC_ICR_LOW) & ICR_PENDING) && !patience_is_over(&patience))
            cpu_relax();
    }
    write(APIC_ICR_HIGH, target << 24);
    write(APIC_ICR_LOW, command);
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
    uint64_t ticks = 0, ns = 0;
    /* Anew where a host paused the machine so long that the count may have run out. */
    for (unsigned try = 0; try < 3 && (!try || ns > 100 * CALIBRATE_NS); try++) {
        write(APIC_TIMER_INITIAL, UINT32_MAX);
        uint64_t start = clock_boot_ns();
        while (clock_boot_ns() - start < CALIBRATE_NS)
            cpu_relax();
        ticks = UINT32_MAX - read(APIC_TIMER_CURRENT);
        ns = clock_boot_ns() - start;
    }
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
