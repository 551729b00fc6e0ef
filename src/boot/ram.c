/* The loader's map goes to the frame allocator and to the page tables; what it got wrong, to the log. */
#include "boot/ram.h"
#include "boot/end.h"
#include "boot/memory.h"
#include "cpu/cpu.h"
#include "cpu/symbols.h"
#include "dev/console.h"
#include "lib/format.h"
#include "mm/paging.h"

#define MEMORY_LEAST (4UL << 20) /* bytes to begin with, besides the image and the modules */
#define ACCOUNT_MAX  4

static struct phys_range usable[BOOT_MEMORY_MAX];
static size_t usable_count;
/* The image, what the loader left for the kernel, then the modules. */
static struct phys_range in_use[BOOT_MODULE_MAX + 4];
static size_t in_use_count, first_module;

static struct {
    const char *what;
    size_t frames;
} accounts[ACCOUNT_MAX];
static size_t account_count, accounted;

static void refuse(const char *why)
{
    klog("mm", "%s", why);
    machine_refuse(STATUS_CANNOT_RUN);
}

static struct phys_range image_range(void)
{
    return (struct phys_range){(uint64_t)image_start, (uint64_t)(image_end - image_start)};
}

bool ram_holds_module(const struct boot_info *boot, uint32_t address,
                      const struct boot_module *module)
{
    usable_count = memory_usable(boot, physical_end(), usable);
    return !memory_module_flaw(boot, (size_t)(module - boot->modules), usable, usable_count,
                               image_range(), (struct phys_range){address, boot->length});
}

/* Whether the loader calls memory usable that the CPU has no addresses for. */
static bool beyond_addresses(const struct boot_info *boot)
{
    const phys_addr_t end = physical_end();
    for (size_t i = 0; i < boot->memory_count; i++)
        if (boot->memory[i].type == BOOT_MEMORY_USABLE &&
            boot->memory[i].base + boot->memory[i].size > end)
            return true;
    return false;
}

/* Whether there are whole frames behind the last that is kept account of. */
static bool left_out(void)
{
    for (size_t i = 0; i < usable_count; i++) {
        uint64_t first = (usable[i].base + PAGE_SIZE - 1) & PAGE_MASK;
        uint64_t end = (usable[i].base + usable[i].size) & PAGE_MASK;
        if (first < end && end > frames_end())
            return true;
    }
    return false;
}

static void take_modules(struct boot_info *boot, struct phys_range image,
                         struct phys_range information)
{
    for (size_t i = 0; i < boot->module_count; i++) {
        struct boot_module *m = &boot->modules[i];
        const char *flaw = memory_module_flaw(boot, i, usable, usable_count, image, information);
        if (flaw) {
            klog("boot", "module %zu (%s) at 0x%x to 0x%x %s: ignored", i, m->cmdline, m->start,
                 m->end, flaw);
            m->end = m->start;
        }
        in_use[in_use_count++] = (struct phys_range){m->start, m->end - m->start};
    }
}

void ram_take(struct boot_info *boot, uint32_t address)
{
    const struct phys_range image = image_range(), information = {address, boot->length};
    usable_count = memory_usable(boot, physical_end(), usable);
    if (boot->memory_dropped)
        klog("mm", "memory map: %zu usable ranges left out: too many, or beyond the last address",
             boot->memory_dropped);
    if (beyond_addresses(boot))
        klog("mm", "memory above 0x%lx left out: the CPU has no such addresses", physical_end());
    if (memory_overlap(image, information))
        refuse("the boot information lies in the kernel's image");
    if (!memory_holds(usable, usable_count, image.base, image.size))
        klog("mm", "memory map: the kernel's image lies outside of usable memory: so be it");
    in_use[in_use_count++] = image;
    in_use[in_use_count++] = information;
    in_use_count += symbols_init(boot, usable, usable_count, &in_use[in_use_count]);
    first_module = in_use_count;
    take_modules(boot, image, information);

    if (frames_init(usable, usable_count, in_use, in_use_count))
        refuse("no usable memory in the loader's map");
    if (left_out())
        klog("mm", "memory above 0x%lx left out: no room to keep account of it", frames_end());
    size_t bytes = frames_total() * PAGE_SIZE;
    if (bytes < MEMORY_LEAST) {
        klog("mm", "%zu KiB of memory to begin with: %lu are the least", bytes >> 10,
             MEMORY_LEAST >> 10);
        machine_refuse(STATUS_CANNOT_RUN);
    }
}

void ram_map(void)
{
    if (paging_init(usable, usable_count, in_use, in_use_count))
        refuse("no memory below 4 GiB for the kernel's page tables");
    ram_account("page tables");
}

const struct phys_range *ram_in_use(size_t *count)
{
    *count = in_use_count;
    return in_use;
}

void ram_account(const char *what)
{
    size_t taken = frames_total() - frames_free();
    if (account_count < ACCOUNT_MAX) {
        accounts[account_count].what = what;
        accounts[account_count++].frames = taken - accounted;
        accounted = taken;
    }
}

void ram_describe(void)
{
    char parts[160];
    size_t used = 0, left = 0, taken = frames_total() - frames_free();
    for (size_t i = 1; i < first_module; i++)
        left += in_use[i].size;
    for (size_t i = 0; i < account_count && used < sizeof(parts); i++)
        used += format(parts + used, sizeof(parts) - used, ", %s %zu", accounts[i].what,
                       accounts[i].frames * PAGE_SIZE >> 10);
    size_t all = in_use[0].size + left + frames_words_size() + taken * PAGE_SIZE;
    klog("mm",
         "%zu KiB are the kernel's: image %zu, symbols and boot information %zu, words of frames "
         "%zu%s, rest %zu",
         all >> 10, in_use[0].size >> 10, left >> 10, frames_words_size() >> 10, parts,
         (taken - accounted) * PAGE_SIZE >> 10);
}
