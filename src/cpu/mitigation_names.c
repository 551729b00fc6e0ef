/* What each mitigation is called, on the command line and in the log. Apart from mitigations.c, since
 * the command line's unit tests link it on the host. */

#include "cpu/mitigations.h"

const char *const mitigation_names[MITIGATION_COUNT] = {
    [MITIGATION_SMAP] = "smap",
    [MITIGATION_INDEX_MASK] = "index_mask",
    [MITIGATION_SWAPGS_FENCE] = "swapgs_fence",
    [MITIGATION_CLEAR_REGS] = "clear_regs",
    [MITIGATION_IBRS] = "ibrs",
    [MITIGATION_IBPB] = "ibpb",
    [MITIGATION_KPTI] = "kpti",
    [MITIGATION_PCID] = "pcid",
};
