/* Dropping what the calling CPU's TLB holds of user space. With page-table isolation and PCIDs the
 * same address is held under two of them, the kernel's and ring 3's, and a flush means both; without
 * PCIDs, a change of tables has flushed the other's already. */
#pragma once

#include "cpu/mitigations.h"
#include "cpu/regs.h"

static inline void tlb_flush_page(uint64_t address)
{
    invlpg(address);
    if (mitigated(MITIGATION_PCID))
        invpcid(INVPCID_ADDRESS, CR3_PCID_USER, address);
}

static inline void tlb_flush_user(void)
{
    write_cr3(read_cr3()); /* all but global translations; bit 63 reads as 0 */
    if (mitigated(MITIGATION_PCID))
        invpcid(INVPCID_CONTEXT, CR3_PCID_USER, 0);
}
