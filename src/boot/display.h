/* Which screen the machine has: what the loader says of it, and what is made of that. Boot CPU. */
#pragma once

#include "boot/multiboot2.h"
#include "dev/framebuffer.h"

#define DISPLAY_VERDICT FRAMEBUFFER_VERDICT

/* Shows the screen, on the boot page tables, if it can be reached by them; `information`: where the
 * boot information lies. Text mode unless the loader set a graphics mode; where it says nothing of
 * the screen, text mode too, but on UEFI, which has none. That it is not UEFI is known only when the
 * boot information could be parsed (`whole`): a machine with broken information says so on the serial
 * port alone, unless a text screen was named before the flaw. Writes what was found, or what is wrong,
 * to verdict, fit for a log line; "" with text mode. */
void display_find(const struct boot_info *boot, uint32_t information, bool whole,
                  char verdict[DISPLAY_VERDICT]);

/* Once the boot page tables are left: a graphics card's memory is not in the direct map. Shows a
 * framebuffer that lies beyond what they map; says so where one cannot be mapped. */
void display_map(void);
