/* See SDM vol. 3, 4.10.4.1, for what each of these drops: what leads to the pages in the paging-structure
 * caches too. */

#include "mm/tlb.h"
#include "cpu/mitigations.h"
#include "cpu/regs.h"

void tlb_flush_page(uint64_t address)
{
    invlpg(address);
    if (mitigated(MITIGATION_PCID))
        invpcid(INVPCID_ADDRESS, CR3_PCID_USER, address);
}

void tlb_flush_user(void)
{
    write_cr3(read_cr3()); /* all but global translations; bit 63 reads as 0 */
    if (mitigated(MITIGATION_PCID))
        invpcid(INVPCID_CONTEXT, CR3_PCID_USER, 0);
}
