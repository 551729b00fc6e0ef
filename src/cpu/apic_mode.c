/* Which mode the local APICs run in, and why: the decision alone, without a look at the hardware.
 *
 * There is no way back to xAPIC for a machine that comes in x2APIC mode. It would lead through the
 * APIC being off (SDM vol. 3, 11.12.5), which old APICs leave by a reset only and some firmware forbids; what
 * the firmware had its reasons for, ids above 254 or how it set up interrupt remapping, would break; and
 * nothing would be won. */

#include "cpu/apic.h"

bool apic_choose_x2(const struct apic_facts *facts, const char **why)
{
    bool asked = facts->wanted == APIC_MODE_X2APIC, refused = facts->wanted == APIC_MODE_XAPIC;
    bool needed = facts->highest_id > XAPIC_ID_MAX;
    if (facts->x2_now)
        *why = refused ? "apic=xapic, but the firmware left x2APIC on" : "the firmware left it on";
    else if (refused)
        *why = "apic=xapic";
    else if (!asked && !needed)
        *why = "nothing asks for x2APIC";
    else if (asked)
        *why = facts->x2_available ? "apic=x2apic" : "apic=x2apic, but the CPU has no x2APIC";
    else
        *why = facts->x2_available ? "an APIC id above 254 needs it"
                                   : "an APIC id above 254 needs x2APIC, but the CPU has none";
    return facts->x2_now || ((asked || needed) && !refused && facts->x2_available);
}
