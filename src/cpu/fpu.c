/* Saving and restoring the extended state: XSAVE where there is one, FXSAVE elsewhere. */

#include "cpu/fpu.h"
#include "cpu/features.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "lib/string.h"

/* Components (SDM vol. 1, 13.1): x87, SSE, AVX, and the three of AVX-512. */
#define XSTATE_X87_SSE 0x3u
#define XSTATE_AVX     0x4u
#define XSTATE_AVX512  0xe0u

static uint32_t components; /* XCR0; the same on every CPU */
static size_t state_size = 512;

void fpu_init(void)
{
    if (!cpu_has(FEATURE_XSAVE))
        return;
    uint32_t supported = cpuid(0xd, 0).eax;
    components = XSTATE_X87_SSE;
    if (cpu_has(FEATURE_AVX))
        components |= supported & XSTATE_AVX;
    if ((components & XSTATE_AVX) && (supported & XSTATE_AVX512) == XSTATE_AVX512)
        components |= XSTATE_AVX512;
    __asm__ volatile("xsetbv" : : "c"(0), "a"(components), "d"(0));
    state_size = cpuid(0xd, 0).ebx; /* for what XCR0 enables now */
    if (state_size > FPU_STATE_MAX)
        panic("CPUID says %zu bytes of extended state, more than %d", state_size, FPU_STATE_MAX);
}

size_t fpu_state_size(void)
{
    return state_size;
}

void fpu_set_initial(void *state)
{
    memset(state, 0, state_size); /* XSTATE_BV = 0: all components in their initial state */
    *(uint16_t *)state = 0x37f;   /* x87 control word */
    *(uint32_t *)((char *)state + 24) = 0x1f80; /* MXCSR: xrstor takes it from here always */
}

void fpu_save(void *state)
{
    if (!components)
        __asm__ volatile("fxsave64 (%0)" : : "r"(state) : "memory");
    else if (cpu_has(FEATURE_XSAVEOPT))
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(state), "a"(components), "d"(0) : "memory");
    else
        __asm__ volatile("xsave64 (%0)" : : "r"(state), "a"(components), "d"(0) : "memory");
}

void fpu_restore(const void *state)
{
    if (!components)
        __asm__ volatile("fxrstor64 (%0)" : : "r"(state) : "memory");
    else
        __asm__ volatile("xrstor64 (%0)" : : "r"(state), "a"(components), "d"(0) : "memory");
}
