/* The local APIC: interrupts between processors, and each CPU's timer (SDM vol. 3, chapter 11). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* As the command line says it (apic=). */
enum apic_mode { APIC_MODE_AUTO, APIC_MODE_XAPIC, APIC_MODE_X2APIC };

/* Whether the firmware left the calling CPU's local APIC in x2APIC mode, which hides its registers from
 * memory. */
bool apic_is_x2(void);

/* Where the calling CPU has its registers: what it says itself (IA32_APIC_BASE), whatever the MADT says. */
uint64_t apic_address(void);

/* Maps the registers. 0, -ENODEV in x2APIC mode, or -ENOMEM. Boot CPU. */
int apic_map(void);

/* Turns on the calling CPU's local APIC. */
void apic_enable(void);

uint32_t apic_id(void);
void apic_end_of_interrupt(void);

/* Sends a fixed interrupt, an NMI, INIT, or a start-up request to the page `page` (0 .. 0xff).
 * Waits, bounded, until the APIC has taken it. */
void apic_send(uint32_t target, uint8_t vector);
void apic_send_nmi(uint32_t target);
void apic_send_init(uint32_t target);
void apic_send_startup(uint32_t target, uint8_t page);

/* Measures the timer against the clock; the boot CPU, once: all CPUs' timers run alike. */
void apic_timer_calibrate(void);

/* One VECTOR_TIMER interrupt on this CPU after that many nanoseconds; replaces the one set before. */
void apic_timer_set(uint64_t ns);

/* Masks both 8259 PICs, moved to vectors VECTOR_PIC.. first, since they may still raise IRQ 7. */
void pic_mask(void);
