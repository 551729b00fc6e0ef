/* Which mitigations are in force, by what was asked for and what the CPU has, and putting them into
 * the code. */

#include "cpu/mitigations.h"
#include "cpu/features.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sys/irqsoff.h"

/* A place for instructions that are kept aside (mitigations.inc). */
struct mitigation_site {
    uint8_t *place;
    const uint8_t *code;
    uint32_t length, mitigation;
};
extern const struct mitigation_site mitigation_sites_start[], mitigation_sites_end[];

static uint32_t in_force, absent; /* bit sets of enum mitigation; constant once decided */
static bool ibrs_stays;           /* IBRS is set once and for all: no door has to */

static uint64_t arch_capabilities(void)
{
    return cpu_has(FEATURE_ARCH_CAPABILITIES) ? rdmsr(MSR_ARCH_CAPS) : 0;
}

static bool available(enum mitigation mitigation)
{
    switch (mitigation) {
    case MITIGATION_SMAP:
        return cpu_has(FEATURE_SMAP);
    case MITIGATION_IBRS:
        return cpu_has(FEATURE_IBRS_IBPB) || cpu_has(FEATURE_AMD_IBRS);
    case MITIGATION_IBPB:
        return cpu_has(FEATURE_IBRS_IBPB) || cpu_has(FEATURE_AMD_IBPB);
    case MITIGATION_PCID: /* without INVPCID, the other tables' entries could not be flushed */
        return cpu_has(FEATURE_PCID) && cpu_has(FEATURE_INVPCID);
    default:
        return true;
    }
}

/* What is right for this CPU when nothing was said. */
static bool wanted(enum mitigation mitigation)
{
    switch (mitigation) {
    case MITIGATION_CLEAR_REGS: /* no gadget is known that it would stop */
    case MITIGATION_IBPB:       /* thousands of cycles at each switch of processes */
        return false;
    case MITIGATION_IBRS: /* at every entry it would cost more than all the rest of it */
        return ibrs_stays;
    case MITIGATION_KPTI: /* a CPU that nobody vouches for is taken to be open to Meltdown */
        return !cpu_vendor_is("AuthenticAMD") && !cpu_vendor_is("HygonGenuine") &&
               !(arch_capabilities() & ARCH_CAPS_RDCL_NO);
    default:
        return true;
    }
}

void mitigations_decide(const uint8_t choices[MITIGATION_COUNT])
{
    ibrs_stays = available(MITIGATION_IBRS) && (arch_capabilities() & ARCH_CAPS_IBRS_ALL);
    for (unsigned m = 0; m < MITIGATION_COUNT; m++) {
        enum mitigation mitigation = (enum mitigation)m;
        bool on = choices[m] == CHOICE_AUTO ? wanted(mitigation) : choices[m] == CHOICE_ON;
        if (!available(mitigation))
            absent |= 1U << m;
        else if (on)
            in_force |= 1U << m;
        if (choices[m] == CHOICE_ON && !available(mitigation))
            klog("cpu", "%s=on: not on this CPU", mitigation_names[m]);
    }
    if (!mitigated(MITIGATION_KPTI)) {
        if (choices[MITIGATION_PCID] == CHOICE_ON && mitigated(MITIGATION_PCID))
            klog("cpu", "pcid=on: only with kpti=on");
        in_force &= ~(1U << MITIGATION_PCID);
    }

    for (const struct mitigation_site *site = mitigation_sites_start; site < mitigation_sites_end;
         site++)
        if (mitigated((enum mitigation)site->mitigation) &&
            !(site->mitigation == MITIGATION_IBRS && ibrs_stays))
            memcpy(site->place, site->code, site->length);
}

void mitigations_enable(void)
{
    if (available(MITIGATION_IBRS)) /* whole, whatever firmware has it at */
        wrmsr(MSR_SPEC_CTRL, mitigated(MITIGATION_IBRS) && ibrs_stays ? SPEC_CTRL_IBRS : 0);
}

bool mitigated(enum mitigation mitigation)
{
    return in_force >> mitigation & 1;
}

unsigned mitigations_door_variant(void)
{
    return (mitigated(MITIGATION_INDEX_MASK) ? 0 : DOOR_UNMASKED) |
           (mitigated(MITIGATION_CLEAR_REGS) ? DOOR_CLEARS_REGS : 0) |
           (mitigated(MITIGATION_IBRS) && !ibrs_stays ? DOOR_SETS_IBRS : 0) |
           (mitigated(MITIGATION_KPTI) ? DOOR_CHANGES_TABLES : 0) | (irqsoff_on ? DOOR_TIMED : 0);
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
