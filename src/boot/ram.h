/* Taking over the machine's memory: what the loader calls usable, but what is in use already; and the
 * account of what the kernel takes of it. The boot CPU's, during boot. */
#pragma once

#include "boot/multiboot2.h"
#include "mm/frames.h"

/* Hands all usable memory to the frame allocator but what is in use: the image, the boot information (at
 * `address`), its modules, the kernel's symbols. A module that cannot lie where the loader says is named,
 * and made an empty one; memory beyond the CPU's addresses is left out. Ends the machine with a sentence
 * where too little is left. */
void ram_take(struct boot_info *boot, uint32_t address);

/* Whether a module of boot's lies where one may: before ram_take, for who cannot wait for it. */
bool ram_holds_module(const struct boot_info *boot, uint32_t address,
                      const struct boot_module *module);

/* The kernel's page tables: W^X, the direct map. Ends the machine with a sentence without memory for
 * them. */
void ram_map(void);

/* What is in use of the memory that the loader calls usable; may overlap. */
const struct phys_range *ram_in_use(size_t *count);

/* Puts what was taken since the last call (since ram_take) down to `what`, for ram_describe. */
void ram_account(const char *what);

/* Logs what the kernel has for itself, in KiB. */
void ram_describe(void);
