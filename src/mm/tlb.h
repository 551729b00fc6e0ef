/* Dropping what the calling CPU's TLB holds of user space. With page-table isolation and PCIDs the
 * same address is held under two of them, the kernel's and ring 3's, and a flush means both; without
 * PCIDs, a change of tables has flushed the other's already. */
#pragma once

#include <stdint.h>

void tlb_flush_page(uint64_t address);
void tlb_flush_user(void);
