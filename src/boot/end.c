/* Verdict and power-off. The status line is the last of the log: all programs have ended or are
 * stopped by then, so none of them can have written it. */

#include "boot/end.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "dev/log_limit.h"
#include "dev/power.h"
#include "lib/format.h"
#include "mm/frames.h"

static size_t frames_at_start;

void machine_mark_start(void)
{
    frames_at_start = frames_free();
}

static _Noreturn void leave(int exit_status)
{
    char status[24];
    format(status, sizeof(status), "status %d", exit_status);
    if (power_wait(status))
        power_restart();
    klog("power", "off, status %d", exit_status);
    power_off(exit_status ? EXIT_FAIL : EXIT_PASS);
}

void machine_end(int wait_status)
{
    int signal = wait_status & 0x7f;
    int status = signal ? 128 + signal : wait_status >> 8 & 0xff;
    size_t now = frames_free();
    console_last_words();
    log_tell_held_back();
    if (now == frames_at_start)
        klog("init", "ended with status %d; %zu frames free, as before it started", status, now);
    else
        klog("init", "ended with status %d; %zu frames free, %zu before it started: a leak", status,
             now, frames_at_start);
    leave(status);
}

void machine_refuse(int exit_status)
{
    leave(exit_status);
}

void machine_leave(enum machine_request request, const char *program)
{
    static const char *const names[] = {
        [MACHINE_POWER_OFF] = "power-off", [MACHINE_RESTART] = "restart", [MACHINE_HALT] = "halt"};
    console_keep();
    unsigned running = stop_other_cpus();
    console_seize();
    /* After what a program may have left without a newline, before the verdict's own line. */
    log_tell_held_back();
    klog("power", "%s asks for %s", program, names[request]);
    if (running)
        klog("power", "%u other CPUs did not stop", running);
    if (request == MACHINE_RESTART)
        power_restart();
    if (request == MACHINE_HALT) {
        klog("power", "halted");
        console_flush();
        halt_forever();
    }
    klog("power", "off, status 0");
    power_off(EXIT_PASS);
}
