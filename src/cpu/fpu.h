/* x87, SSE and AVX state: ring 3's alone (the kernel uses general registers only), so it stays in
 * the CPU across calls and interrupts and moves when threads do. */
#pragma once

#include <stddef.h>

/* Turns on, on the calling CPU, the state components that this kernel keeps. */
void fpu_init(void);

/* Bytes that a saved state takes; its place is aligned to 64. At most FPU_STATE_MAX. */
size_t fpu_state_size(void);
#define FPU_STATE_MAX 2752 /* legacy area, header, AVX, AVX-512 (SDM vol. 1, 13.4, 13.5) */

void fpu_set_initial(void *state); /* as execve leaves it */
void fpu_save(void *state);
void fpu_restore(const void *state);
