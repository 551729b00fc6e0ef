/* One register of a device, wherever the firmware says it lies. */
#pragma once

#include <stdint.h>

enum register_kind { REGISTER_NONE, REGISTER_PORT, REGISTER_MEMORY, REGISTER_PCI };

struct device_register {
    enum register_kind kind;
    uint8_t size; /* bytes of an access: 1, 2 or 4 */
    union {
        uint16_t port;
        volatile void *memory; /* mapped, uncached, aligned to the size */
        uint32_t pci; /* bus << 16 | device << 11 | function << 8 | offset (of 256 bytes) */
    };
};

/* Of REGISTER_NONE: zeros, and nothing is written. Configuration space is for one CPU at a time. */
uint32_t register_read(const struct device_register *reg);
void register_write(const struct device_register *reg, uint32_t value);
