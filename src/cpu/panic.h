/* The end of the machine: a broken invariant or a fault in ring 0. */
#pragma once

struct trap_frame;

/* Stops all CPUs, prints CPU, text and a symbolised backtrace, leaves with the panic status. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a fault: prints the registers of the frame and unwinds from there. */
_Noreturn void panic_at(const struct trap_frame *frame, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The general registers, in five log lines. */
void klog_registers(const char *subsystem, const struct trap_frame *frame);

/* Stops all other CPUs for good, wherever they are: the way out of the machine. How many did not
 * answer in a bounded time. The caller has kept the console (console_keep), so it is the only one, and
 * seizes it next. */
unsigned stop_other_cpus(void);

/* Called by the NMI handler: does not return when another CPU panics, or stops this one. */
void panic_stop_if_asked(void);
