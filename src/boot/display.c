/* The loader's framebuffer or text mode becomes the screen. */
#include "boot/display.h"
#include "boot/ram.h"
#include "dev/console.h"
#include "dev/screen.h"
#include "dev/textmode.h"
#include "mm/paging.h"

/* Nothing is read of a font that lies where no module can: ram_take names it later. */
static const void *find_font(const struct boot_info *boot, uint32_t information, size_t *size)
{
    const struct boot_module *font = boot_module(boot, BOOT_MODULE_FONT);
    bool good = font && ram_holds_module(boot, information, font);
    *size = good ? font->end - font->start : 0;
    return good ? phys_to_virt(font->start) : NULL;
}

static void find_framebuffer(const struct boot_info *boot, uint32_t information,
                             char verdict[DISPLAY_VERDICT])
{
    const struct framebuffer_range image = {(phys_addr_t)image_start, (phys_addr_t)image_end};
    size_t font_size;
    const void *font = find_font(boot, information, &font_size);
    screen_init(framebuffer_init(boot, information, image, font, font_size, verdict));
    struct framebuffer_range range = framebuffer_range();
    if (range.end <= BOOT_MAPPED) {
        framebuffer_use(phys_to_virt(range.start));
        screen_show();
    }
}

void display_find(const struct boot_info *boot, uint32_t information, bool whole,
                  char verdict[DISPLAY_VERDICT])
{
    const struct boot_framebuffer *fb = &boot->framebuffer;
    verdict[0] = '\0';
    if (fb->address ? fb->type == BOOT_FRAMEBUFFER_TEXT : whole && !boot->efi) {
        screen_init(&text_mode);
        screen_show();
    } else if (fb->address && whole) {
        find_framebuffer(boot, information, verdict);
    }
}

void display_map(void)
{
    struct framebuffer_range range = framebuffer_range();
    if (!range.end)
        return;
    void *mapped = map_physical(range.start, range.end - range.start, PTE_W | PTE_WC);
    if (mapped) {
        framebuffer_use(mapped);
        if (range.end > BOOT_MAPPED)
            screen_show();
    } else {
        screen_init(NULL);
        klog("boot", "framebuffer: cannot be mapped: not used");
    }
}
