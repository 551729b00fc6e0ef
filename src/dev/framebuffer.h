/* A linear framebuffer that the boot loader has set up, as a display for the screen. */
#pragma once

#include "dev/screen.h"
#include "mm/layout.h"

struct boot_info;

struct framebuffer_range {
    phys_addr_t start, end; /* bytes, [start, end) */
};

#define FRAMEBUFFER_VERDICT 200 /* bytes, enough for each that there is */

/* Checks the framebuffer that the loader names, and the font (font_size 0: there is none), and keeps
 * the font's glyphs. Nothing of the loader's is believed: a framebuffer that lies in memory, over the
 * image, over the boot information (at that address), or where the interrupt controllers have their
 * addresses is refused. Draws nothing. Writes what was found, or what is wrong, to verdict, fit for a
 * log line. Returns the display, or NULL. */
const struct display *framebuffer_init(const struct boot_info *boot, phys_addr_t information,
                                       struct framebuffer_range image, const void *font,
                                       size_t font_size, char verdict[FRAMEBUFFER_VERDICT]);

/* Where the framebuffer lies in physical memory; empty unless framebuffer_init has returned a
 * display. */
struct framebuffer_range framebuffer_range(void);

/* Where it is mapped, writable, from its first byte on; before the first drawing, and again whenever
 * that changes. */
void framebuffer_use(void *mapped);
