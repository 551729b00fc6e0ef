/* Which mode the local APICs run in, and why: the decision alone, without a look at the hardware. */

#include "cpu/apic.h"

bool apic_choose_x2(const struct apic_facts *facts, const char **why)
{
    bool asked = facts->wanted == APIC_MODE_X2APIC;
    bool needed = facts->wanted == APIC_MODE_AUTO && facts->highest_id > XAPIC_ID_MAX;
    if (facts->x2_now && facts->wanted == APIC_MODE_XAPIC) {
        if (facts->x2_locked)
            return *why = "apic=xapic, but the firmware has locked x2APIC mode", true;
        if (facts->own_id > XAPIC_ID_MAX)
            return *why = "apic=xapic, but the boot CPU's id is beyond 254", true;
    }
    if (facts->wanted == APIC_MODE_XAPIC)
        return *why = "apic=xapic", false;
    if (facts->x2_now)
        return *why = "the firmware left it on", true;
    if ((asked || needed) && !facts->x2_available)
        return *why = asked ? "apic=x2apic, but the CPU has no x2APIC"
                            : "an APIC id beyond 254 needs x2APIC, which the CPU has not",
               false;
    if (asked || needed)
        return *why = asked ? "apic=x2apic" : "an APIC id beyond 254 needs it", true;
    return *why = "nothing asks for x2APIC", false;
}
