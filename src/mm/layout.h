/* The virtual address space: what lies where in the upper half, and where user space ends. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096UL
#define PAGE_MASK (~(PAGE_SIZE - 1))

/* User space ends one page below the canonical limit, so that a `syscall` in the last bytes of user
 * space cannot leave a non-canonical return address in rcx: on Intel, sysretq with such an rcx
 * faults in ring 0 with the user's stack (SDM vol. 2, SYSRET). */
#define USER_START 0x0000000000010000UL
#define USER_END   0x00007ffffffff000UL

/* The direct map of physical memory, from address 0 on, read/write and never executable. The host's
 * unit tests put it elsewhere. */
#ifndef DIRECT_MAP_BASE
#define DIRECT_MAP_BASE 0xffff800000000000UL
#endif
/* Per-CPU blocks and stacks, each with an unmapped page below it. */
#define PER_CPU_BASE 0xffffc00000000000UL
/* Device registers, uncached; a framebuffer, write-combining; tables of the firmware. */
#define DEVICE_BASE 0xffffe00000000000UL
/* The kernel image is linked here (-mcmodel=kernel wants the top 2 GiB). Kept equal in kernel.ld. */
#define KERNEL_BASE 0xffffffff80000000UL

/* The boot page tables map so many bytes, from address 0 on: to the direct map, where they stay until
 * paging_init. */
#define BOOT_MAPPED 0x100000000UL

typedef uint64_t phys_addr_t;

extern char image_start[], image_end[]; /* of the kernel's image: physical addresses */

static inline void *phys_to_virt(phys_addr_t pa)
{
    return (void *)(DIRECT_MAP_BASE + pa);
}

/* Only for addresses inside the direct map. */
static inline phys_addr_t virt_to_phys(const void *va)
{
    return (phys_addr_t)va - DIRECT_MAP_BASE;
}
