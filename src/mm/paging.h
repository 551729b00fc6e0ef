/* Four-level page tables (SDM vol. 3, 4.5): entries, and the kernel's own mappings. */
#pragma once

#include "mm/frames.h"
#include <stdbool.h>

#define PTE_P   (1UL << 0)
#define PTE_W   (1UL << 1)
#define PTE_U   (1UL << 2)
#define PTE_PWT (1UL << 3)
#define PTE_PCD (1UL << 4)
#define PTE_WC  PTE_PWT /* write-combining: see cpu_set_memory_types */
#define PTE_PS  (1UL << 7)
#define PTE_G   (1UL << 8)
#define PTE_NX  (1UL << 63)
/* Bits 9..11 are software's. Both go with P = 0 and keep the frame's address in the entry. */
#define PTE_NO_ACCESS (1UL << 9)  /* PROT_NONE: the page keeps its contents */
#define PTE_DYING     (1UL << 10) /* unmapped; the frame is freed once no TLB can hold it */
/* The entries from ring 3 touch the page before they change page tables: ring 3's map it too. */
#define PTE_ENTRY (1UL << 11)

#define PTE_FRAME         0x000ffffffffff000UL
#define PAGE_ENTRIES      512UL
#define PHYSICAL_BITS_MAX 52    /* what PTE_FRAME has room for */
#define PML4_KERNEL       256UL /* first entry of the upper half */

typedef uint64_t pte_t;

/* Builds the kernel's page tables and loads them: the image with W^X, the direct map of the first MiB,
 * of all usable memory up to frames_end(), and of what is in use already, read-only where the image
 * is. The ranges may overlap; none wraps. 0, or -ENOMEM while the old ones are still loaded. */
int paging_init(const struct phys_range *usable, size_t usable_count,
                const struct phys_range *in_use, size_t in_use_count);

/* One past the last physical address that this CPU has: an entry with more bits is a fault of its own
 * kind (SDM vol. 3, 4.1.4). */
phys_addr_t physical_end(void);

/* The kernel's page tables, as CR3 takes them; the upper half of every address space is theirs. */
phys_addr_t kernel_page_tables(void);

/* Maps size bytes at va (in the per-CPU or the device area) to pa, present and with the flags given
 * besides; global, but where page-table isolation forbids it. Boot only, by the boot CPU: other CPUs
 * see it in the tables they share. 0 or -ENOMEM. */
int kernel_map(uint64_t va, phys_addr_t pa, uint64_t size, uint64_t flags);

/* A window onto physical memory outside of the direct map (tables of the firmware, device
 * registers), at any alignment, for good. NULL when memory or the area (512 GiB) is exhausted, and for
 * what wraps or lies beyond the CPU's physical addresses. Boot only, boot CPU only. */
void *map_physical(phys_addr_t pa, uint64_t size, uint64_t flags);

/* An empty lower half below the kernel's upper half, or, for_user, below as much of it as the entries
 * from ring 3 touch: its PML4, or 0. */
phys_addr_t page_tables_create(bool for_user);
