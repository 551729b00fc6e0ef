/* Reading and writing ports, device memory, and PCI configuration space by its two ports (PCI Local
 * Bus Specification 3.0, 3.2.2.3.2). */

#include "dev/register.h"
#include "cpu/io.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc /* and the three ports behind it */
#define PCI_ENABLE  (1U << 31)

/* The port by which the register is reached. */
static uint16_t port_of(const struct device_register *reg)
{
    if (reg->kind == REGISTER_PORT)
        return reg->port;
    outl(PCI_ADDRESS, PCI_ENABLE | (reg->pci & ~3U));
    return (uint16_t)(PCI_DATA + (reg->pci & 3));
}

uint32_t register_read(const struct device_register *reg)
{
    if (reg->kind == REGISTER_NONE)
        return 0;
    if (reg->kind == REGISTER_MEMORY)
        return reg->size == 1   ? *(volatile uint8_t *)reg->memory
               : reg->size == 2 ? *(volatile uint16_t *)reg->memory
                                : *(volatile uint32_t *)reg->memory;
    uint16_t port = port_of(reg);
    return reg->size == 1 ? inb(port) : reg->size == 2 ? inw(port) : inl(port);
}

void register_write(const struct device_register *reg, uint32_t value)
{
    if (reg->kind == REGISTER_NONE)
        return;
    if (reg->kind == REGISTER_MEMORY) {
        if (reg->size == 1)
            *(volatile uint8_t *)reg->memory = (uint8_t)value;
        else if (reg->size == 2)
            *(volatile uint16_t *)reg->memory = (uint16_t)value;
        else
            *(volatile uint32_t *)reg->memory = value;
        return;
    }
    uint16_t port = port_of(reg);
    if (reg->size == 1)
        outb(port, (uint8_t)value);
    else if (reg->size == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}
