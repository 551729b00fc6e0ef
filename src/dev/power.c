/* Leaving the machine. */
#include "dev/power.h"
#include "cpu/io.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"
#include "dev/channel.h"
#include "dev/console.h"
#include "dev/keyboard.h"

#define DEBUG_EXIT 0xf4 /* -device isa-debug-exit,iobase=0xf4,iosize=4; no device elsewhere */

/* PM1 control register (ACPI 6.5, 4.8.3.2.1). */
#define PM1_TYPE_SHIFT 10
#define PM1_TYPE_MASK  (7U << PM1_TYPE_SHIFT)
#define PM1_ENABLE     (1U << 13)

/* Sleep control register (4.8.3.7). */
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_ENABLE     (1U << 5)

#define OFF_LOOKS   1000000 /* of about a microsecond, until the power is gone */
#define RESET_LOOKS 100000
#define KEY_PAUSES  1000 /* between two looks for a key */
#define TYPED_AHEAD 4096 /* bytes; a serial port's FIFO holds 16 */
#define ATTEMPTS    2    /* to leave: after a fault in one, another, and then no more */
#define CPUID_GUEST (1U << 31)

static struct power_control machine;
static uint8_t poweroff_choice = CHOICE_AUTO;
static bool waited;      /* a panic has asked for a key */
static unsigned leaving; /* how often power_off was called: each fault in it calls it again */

void power_set_control(const struct power_control *control)
{
    machine = *control;
}

void power_set_choice(uint8_t choice)
{
    poweroff_choice = choice;
}

/* A hypervisor says so in CPUID, in a bit that no CPU has of its own; where it was told not to,
 * QEMU's exit device reads 0, and a port without a device all ones. */
static bool is_virtual(void)
{
    return (cpuid(1, 0).ecx & CPUID_GUEST) || inb(DEBUG_EXIT) == 0;
}

/* Whether a key has come, from the keyboard or the serial port; *restart: whether it is R. Zeros
 * come from a line that nobody holds up. */
static bool key_pressed(bool keyboard, bool *restart)
{
    int key = keyboard ? keyboard_read() : -1, byte = console_read_byte();
    *restart = key == KEY_R || byte == 'r' || byte == 'R';
    return key >= 0 || byte > 0;
}

bool power_wait(const char *what)
{
    bool restart;
    if (poweroff_choice == CHOICE_ON || (poweroff_choice == CHOICE_AUTO && is_virtual()))
        return false;
    if (poweroff_choice == CHOICE_OFF) {
        klog("power", "poweroff=off: halted, %s", what);
        halt_forever();
    }
    bool keyboard = keyboard_init();
    for (unsigned i = 0; i < TYPED_AHEAD && console_read_byte() >= 0; i++)
        ; /* it was typed for somebody else */
    klog("power", "%s: press a key%s to switch off, r to restart", what,
         keyboard ? "" : " (on the serial port: there is no PS/2 keyboard)");
    while (!key_pressed(keyboard, &restart))
        for (unsigned i = 0; i < KEY_PAUSES; i++)
            cpu_relax();
    return restart;
}

/* SLP_TYP goes into both blocks before SLP_EN does: some chipsets want to see it standing. */
static void enter_s5(void)
{
    for (uint32_t enable = 0; enable <= PM1_ENABLE; enable += PM1_ENABLE) {
        for (unsigned i = 0; i < 2; i++) {
            uint32_t kept = register_read(&machine.pm1[i]) & ~(PM1_TYPE_MASK | PM1_ENABLE);
            uint32_t type = (uint32_t)machine.sleep_type[i] << PM1_TYPE_SHIFT;
            register_write(&machine.pm1[i], kept | type | enable);
        }
    }
    register_write(&machine.sleep,
                   (uint32_t)machine.sleep_type[0] << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
    if (machine.pm1[0].kind != REGISTER_NONE || machine.sleep.kind != REGISTER_NONE)
        for (unsigned i = 0; i < OFF_LOOKS; i++)
            io_wait();
}

_Noreturn void power_off(enum exit_verdict verdict)
{
    static const char safe[] = "The machine is halted: it is now safe to switch off.\n";
    if (++leaving > ATTEMPTS)
        halt_forever();
    console_flush(); /* QEMU drops what a slow reader has not taken yet */
    channel_flush();
    outb(DEBUG_EXIT, (uint8_t)verdict);
    if (verdict == EXIT_PANIC && !waited) {
        waited = true;
        if (power_wait("panic"))
            power_restart();
    }
    enter_s5();
    console_write(safe, sizeof safe - 1);
    halt_forever();
}

/* A reset has been asked for. That it does not come is told before the next way is tried. */
static void await_reset(const char *by)
{
    for (unsigned i = 0; i < RESET_LOOKS; i++)
        io_wait();
    klog("power", "no reset by %s", by);
    console_flush();
}

_Noreturn void power_restart(void)
{
    klog("power", "restart");
    console_flush();
    channel_flush();
    if (machine.reset.kind != REGISTER_NONE) {
        register_write(&machine.reset, machine.reset_value);
        await_reset("the FADT's register");
    }
    if (keyboard_reset_machine())
        await_reset("the 8042");
    triple_fault();
}
