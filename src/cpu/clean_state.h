/* Taking a CPU over from whoever ran it before. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* On the calling CPU, with its GDT and IDT loaded: LDTR, debug registers, and the MSRs that nothing else
 * writes. Control registers, XCR0 and what the doors need are written whole where they are set up. */
void cpu_clean_state(void);

/* False where the CPU has no such register: reading it is #GP, which the trap handler sends on. */
bool read_msr_if_there(uint32_t msr, uint64_t *value);
