/* Leaving the machine. */
#include "dev/power.h"
#include "cpu/io.h"
#include "dev/channel.h"
#include "dev/console.h"

#define DEBUG_EXIT 0xf4 /* -device isa-debug-exit,iobase=0xf4,iosize=4; no device elsewhere */

/* PM1 control register (ACPI 6.4, 4.8.3.2.1). */
#define SLP_TYP_SHIFT 10
#define SLP_TYP_MASK  (7 << SLP_TYP_SHIFT)
#define SLP_EN        (1 << 13)

#define S5_LOOKS 1000000 /* of about a microsecond, until the power is gone */

static struct pm1_control {
    uint16_t port;
    uint16_t slp_typ;
} pm1[2];

void power_set_acpi(uint16_t pm1a, uint16_t pm1b, uint8_t slp_typ_a, uint8_t slp_typ_b)
{
    pm1[0] = (struct pm1_control){pm1a, slp_typ_a & 7};
    pm1[1] = (struct pm1_control){pm1b, slp_typ_b & 7};
}

/* SLP_TYP goes into both blocks before SLP_EN does: some chipsets want to see it standing. */
static void enter_s5(void)
{
    for (uint16_t enable = 0; enable <= SLP_EN; enable += SLP_EN) {
        for (int i = 0; i < 2; i++) {
            if (pm1[i].port == 0)
                continue;
            uint16_t kept = inw(pm1[i].port) & (uint16_t) ~(SLP_TYP_MASK | SLP_EN);
            outw(pm1[i].port, (uint16_t)(kept | pm1[i].slp_typ << SLP_TYP_SHIFT | enable));
        }
    }
    for (int i = 0; pm1[0].port != 0 && i < S5_LOOKS; i++)
        io_wait();
}

_Noreturn void power_off(enum exit_verdict verdict)
{
    static const char safe[] = "The machine is halted: it is now safe to switch off.\n";

    console_flush(); /* QEMU drops what a slow reader has not taken yet */
    channel_flush();
    outb(DEBUG_EXIT, (uint8_t)verdict);
    enter_s5();
    console_write(safe, sizeof safe - 1);
    for (;;)
        asm volatile("cli; hlt");
}
