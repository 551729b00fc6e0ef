/* Intel 8254, ACPI's power-management timer, and the IA-PC HPET (its specification 1.0a). */

#include "dev/timers.h"
#include "cpu/io.h"
#include "cpu/regs.h"

/* Intel 8254: channel 2 counts down while bit 0 of port 0x61 is set, in mode 0 on through 0, from
 * when on bit 5 is set; bit 1 is the speaker. */
#define PIT_HZ      1193182
#define PIT_CHANNEL 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE    0x61
#define PIT_START   0xb0 /* channel 2, low then high byte, mode 0 */
#define PIT_LATCH   0x80 /* channel 2 */

#define ACPI_TIMER_HZ 3579545 /* ACPI 6.5, 4.8.3.3 */

/* HPET 1.0a, 2.3: registers as 32-bit words. The counter's lower half is enough, also where
 * it has 64 bits: at the highest rate that is taken it wraps after a second. */
#define HPET_PERIOD     (0x04 / 4) /* femtoseconds a tick */
#define HPET_CONFIG     (0x10 / 4)
#define HPET_COUNTER    (0xf0 / 4)
#define HPET_PERIOD_MAX 100000000
#define HPET_PERIOD_MIN 250000 /* ours: a rate that fits into 32 bits */
#define HPET_ENABLE     1U
#define FS_PER_SECOND   1000000000000000UL

static struct device_register acpi_counter;
static volatile uint32_t *hpet_registers;

static void start_pit(void)
{
    outb(PIT_GATE, (inb(PIT_GATE) & ~2U) | 1); /* gate on, speaker off */
    outb(PIT_COMMAND, PIT_START);
    outb(PIT_CHANNEL, 0); /* from 65536: 55 ms */
    outb(PIT_CHANNEL, 0);
}

static bool pit_overrun(void)
{
    return inb(PIT_GATE) & 0x20;
}

/* What is latched is read later, when nobody waits for it. */
static void read_pit(struct reading *reading)
{
    reading->before = rdtsc();
    outb(PIT_COMMAND, PIT_LATCH);
    reading->after = rdtsc();
    uint32_t low = inb(PIT_CHANNEL);
    reading->count = -(low | (uint32_t)inb(PIT_CHANNEL) << 8);
}

static void read_acpi_timer(struct reading *reading)
{
    reading->before = rdtsc();
    reading->count = register_read(&acpi_counter);
    fence(); /* rdtsc does not wait for a load, and that may be the counter's register */
    reading->after = rdtsc();
}

static void read_hpet(struct reading *reading)
{
    reading->before = rdtsc();
    reading->count = hpet_registers[HPET_COUNTER];
    fence();
    reading->after = rdtsc();
}

const struct reference *timer_pit(void)
{
    static const struct reference pit = {"PIT", PIT_HZ, 0xffff, start_pit, pit_overrun, read_pit};
    return &pit;
}

const struct reference *timer_acpi(const struct device_register *counter)
{
    static const struct reference timer = {"ACPI PM timer", ACPI_TIMER_HZ, 0xffffff, NULL, NULL,
                                           read_acpi_timer};
    acpi_counter = *counter;
    return &timer;
}

const struct reference *timer_hpet(volatile void *registers, const char **fault)
{
    static struct reference hpet = {"HPET", 0, UINT32_MAX, NULL, NULL, read_hpet};
    hpet_registers = registers;
    uint32_t period = hpet_registers[HPET_PERIOD];
    if (period < HPET_PERIOD_MIN || period > HPET_PERIOD_MAX) {
        *fault = "impossible period";
        return NULL;
    }
    hpet.hz = (uint32_t)((FS_PER_SECOND + period / 2) / period);
    hpet_registers[HPET_CONFIG] |= HPET_ENABLE;
    return &hpet;
}
