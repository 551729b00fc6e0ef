/* What the loader's memory map comes to, and where its modules must not lie. */
#include "boot/memory.h"

/* The first usable bytes from `from` on, up to where something else may begin; of size 0: none. */
static struct phys_range next_usable(const struct boot_info *boot, uint64_t from)
{
    const struct boot_memory *map = boot->memory, *const map_end = map + boot->memory_count;
    for (;;) {
        uint64_t start = UINT64_MAX, end = 0, behind = 0;
        for (const struct boot_memory *m = map; m < map_end; m++) {
            uint64_t m_end = m->base + m->size, first = m->base > from ? m->base : from;
            if (m->type != BOOT_MEMORY_USABLE || m_end <= from || first > start)
                continue;
            end = first < start || m_end > end ? m_end : end;
            start = first;
        }
        for (const struct boot_memory *m = map; m < map_end && end; m++) {
            if (m->type == BOOT_MEMORY_USABLE)
                continue;
            if (m->base > start && m->base < end)
                end = m->base;
            else if (m->base <= start && m->base + m->size > start)
                behind = m->base + m->size;
        }
        if (!behind)
            return end ? (struct phys_range){start, end - start} : (struct phys_range){0, 0};
        from = behind;
    }
}

size_t memory_usable(const struct boot_info *boot, uint64_t limit,
                     struct phys_range out[BOOT_MEMORY_MAX])
{
    size_t count = 0; /* each starts where a range of the map starts or ends: no more than those */
    uint64_t at = 0;
    for (struct phys_range next; (next = next_usable(boot, at)).size; at = next.base + next.size) {
        if (next.base >= limit)
            break;
        if (next.size > limit - next.base)
            next.size = limit - next.base;
        if (count && at == next.base)
            out[count - 1].size += next.size;
        else
            out[count++] = next;
    }
    return count;
}

bool memory_holds(const struct phys_range *usable, size_t count, uint64_t base, uint64_t size)
{
    for (size_t i = 0; i < count; i++)
        if (base >= usable[i].base && size <= usable[i].size &&
            base - usable[i].base <= usable[i].size - size)
            return true;
    return size == 0;
}

static struct phys_range place(const struct boot_module *module)
{
    return (struct phys_range){module->start, module->end - module->start};
}

const char *memory_module_flaw(const struct boot_info *boot, size_t index,
                               const struct phys_range *usable, size_t usable_count,
                               struct phys_range image, struct phys_range information)
{
    struct phys_range module = place(&boot->modules[index]);
    if (!memory_holds(usable, usable_count, module.base, module.size))
        return "lies outside of usable memory";
    if (memory_overlap(module, image))
        return "lies in the kernel's image";
    if (memory_overlap(module, information))
        return "lies in the boot information";
    for (size_t i = 0; i < index; i++)
        if (memory_overlap(module, place(&boot->modules[i])))
            return "lies in the module before it";
    return NULL;
}
