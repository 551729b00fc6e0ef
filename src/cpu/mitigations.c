/* Which mitigations are in force: what was asked for, as far as the CPU has it. */

#include "cpu/mitigations.h"
#include "cpu/features.h"
#include "lib/format.h"

static uint32_t in_force, absent; /* bit sets of enum mitigation; constant once decided */

void mitigations_decide(const uint8_t choices[MITIGATION_COUNT])
{
    (void)choices;
    in_force = 1U << MITIGATION_INDEX_MASK | 1U << MITIGATION_SWAPGS_FENCE;
    if (cpu_has(FEATURE_SMAP))
        in_force |= 1U << MITIGATION_SMAP;
}

bool mitigated(enum mitigation mitigation)
{
    return in_force >> mitigation & 1;
}

void mitigations_describe(char *buffer, size_t size)
{
    size_t used = 0;
    for (unsigned m = 0; m < MITIGATION_COUNT && used < size; m++)
        used += format(buffer + used, size - used, "%s%s=%s", m ? " " : "", mitigation_names[m],
                       mitigated((enum mitigation)m) ? "on"
                       : absent >> m & 1             ? "absent"
                                                     : "off");
}
