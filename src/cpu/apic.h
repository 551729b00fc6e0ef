/* The local APIC: interrupts between processors, and each CPU's timer (SDM vol. 3, chapter 11).
 * In xAPIC mode ids have 8 bits and registers lie in memory, in x2APIC mode ids have 32 bits and registers
 * are MSRs. All CPUs run in one mode; who calls does not see which. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* As the command line says it (apic=). */
enum apic_mode { APIC_MODE_AUTO, APIC_MODE_XAPIC, APIC_MODE_X2APIC };

#define XAPIC_ID_MAX  254U             /* 255 is the broadcast */
#define X2APIC_ID_MAX (UINT32_MAX - 1) /* the same of 32 bits */

/* What the choice of a mode depends on. */
struct apic_facts {
    uint8_t wanted;      /* enum apic_mode */
    bool x2_available;   /* CPUID.1:ECX[21] */
    bool x2_now;         /* the firmware left it on */
    uint32_t highest_id; /* of the processors that the MADT lists */
};

/* Whether to run in x2APIC mode; *why gets the reason, as the log says it. */
bool apic_choose_x2(const struct apic_facts *facts, const char **why);

/* Chooses the mode for all CPUs, says so in the log, and brings the boot CPU's local APIC into it.
 * wanted: enum apic_mode; highest_id: as above. 0, or -ENOMEM when its registers cannot be mapped. */
int apic_init(uint8_t wanted, uint32_t highest_id);

/* The highest APIC id that an interrupt can be sent to in this mode. */
uint32_t apic_id_max(void);

/* Where the calling CPU has its registers in xAPIC mode: what it says itself (IA32_APIC_BASE),
 * whatever the MADT says. Physical. */
uint64_t apic_address(void);

/* Turns on the calling CPU's local APIC, in the mode that was chosen, its interrupt pins as its block
 * says. 0, or -ENODEV when the firmware left it in x2APIC mode, but not the boot CPU's. */
int apic_enable(void);

uint32_t apic_id(void);
void apic_end_of_interrupt(void);

/* The calling CPU's APIC errors since it was last asked, as in its error status register. */
uint32_t apic_take_errors(void);

/* Sends a fixed interrupt, an NMI, INIT, or a start-up request to the page `page` (0 .. 0xff), to the
 * CPU with that APIC id. What this CPU wrote to memory before is visible when it arrives. Waits,
 * bounded, until the APIC has passed on what was sent before. */
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
