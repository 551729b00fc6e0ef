/* Names for addresses, from the ELF symbol table of the booted image (System V gABI, "Symbol
 * Table"). */

#include "cpu/symbols.h"
#include "boot/memory.h"
#include "boot/multiboot2.h"
#include "lib/string.h"
#include "mm/frames.h"
#include <linux/elf.h>

static const Elf64_Sym *symbols;
static size_t symbol_count;
static const char *names;
static size_t names_size;

size_t symbols_init(const struct boot_info *boot, const struct phys_range *usable,
                    size_t usable_count, struct phys_range out[2])
{
    const struct boot_sections *sections = &boot->sections;
    for (uint32_t i = 0; i < sections->count; i++) {
        Elf64_Shdr table = boot_section(sections, i);
        if (table.sh_type != SHT_SYMTAB || table.sh_link >= sections->count)
            continue;
        Elf64_Shdr strings = boot_section(sections, table.sh_link);
        if (strings.sh_type != SHT_STRTAB || !table.sh_size || !strings.sh_size ||
            !memory_holds(usable, usable_count, table.sh_addr, table.sh_size) ||
            !memory_holds(usable, usable_count, strings.sh_addr, strings.sh_size))
            continue;
        symbols = phys_to_virt(table.sh_addr);
        symbol_count = table.sh_size / sizeof(Elf64_Sym);
        names = phys_to_virt(strings.sh_addr);
        names_size = strings.sh_size;
        out[0] = (struct phys_range){table.sh_addr, table.sh_size};
        out[1] = (struct phys_range){strings.sh_addr, strings.sh_size};
        return 2;
    }
    return 0;
}

const char *symbol_at(uint64_t address, uint64_t *offset)
{
    const Elf64_Sym *best = NULL;
    for (size_t i = 0; i < symbol_count; i++) {
        const Elf64_Sym *symbol = &symbols[i];
        unsigned type = ELF_ST_TYPE(symbol->st_info);
        if ((type == STT_FUNC || type == STT_NOTYPE) && symbol->st_shndx != SHN_UNDEF &&
            symbol->st_value >= KERNEL_BASE && symbol->st_value <= address &&
            symbol->st_name < names_size && (!best || symbol->st_value >= best->st_value))
            best = symbol;
    }
    if (!best ||
        strnlen(names + best->st_name, names_size - best->st_name) == names_size - best->st_name)
        return NULL;
    *offset = address - best->st_value;
    return names + best->st_name;
}
