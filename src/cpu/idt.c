/* The interrupt descriptor table (SDM vol. 3, 6.14.1). Every gate is an interrupt gate: the kernel
 * runs with IF = 0. */

#include "cpu/idt.h"
#include "cpu/cpu.h"
#include "cpu/mitigations.h"
#include "lib/string.h"

struct gate {
    uint16_t offset0;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset16;
    uint32_t offset32;
    uint32_t reserved;
};
static_assert(sizeof(struct gate) == 16, "SDM vol. 3, figure 6-8");

#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate */
#define GATE_DPL3      0x60

/* Where ring 3's page tables map them too (kernel.ld). */
#define ENTRY_DATA _Alignas(PAGE_SIZE) __attribute__((section(".entry.data"))) static
ENTRY_DATA struct gate idt[256];
ENTRY_DATA struct gate idt_copy[256]; /* the lab's */

extern const uint64_t vector_entries[256];             /* sys/vectors.asm */
extern const uint64_t door_int_entries[DOOR_VARIANTS]; /* sys/door_int.asm */

static struct gate make_gate(uint64_t entry, uint8_t dpl, uint8_t ist)
{
    return (struct gate){
        .offset0 = (uint16_t)entry,
        .selector = KERNEL_CS,
        .ist = ist,
        .type = GATE_INTERRUPT | dpl,
        .offset16 = (uint16_t)(entry >> 16),
        .offset32 = (uint32_t)(entry >> 32),
    };
}

static void set_gate(unsigned vector, uint64_t entry, uint8_t dpl, uint8_t ist)
{
    idt[vector] = make_gate(entry, dpl, ist);
}

void idt_init(void)
{
    for (unsigned vector = 0; vector < 256; vector++)
        set_gate(vector, vector_entries[vector], 0, 0);
    set_gate(VECTOR_BREAKPOINT, vector_entries[VECTOR_BREAKPOINT], GATE_DPL3, 0);
    set_gate(VECTOR_OVERFLOW, vector_entries[VECTOR_OVERFLOW], GATE_DPL3, 0);
    set_gate(VECTOR_NMI, vector_entries[VECTOR_NMI], 0, IST_NMI);
    set_gate(VECTOR_DEBUG, vector_entries[VECTOR_DEBUG], 0, IST_DEBUG);
    set_gate(VECTOR_DOUBLE_FAULT, vector_entries[VECTOR_DOUBLE_FAULT], 0, IST_DOUBLE_FAULT);
    set_gate(VECTOR_MACHINE_CHECK, vector_entries[VECTOR_MACHINE_CHECK], 0, IST_MACHINE_CHECK);
    /* No gate, in a build without this door for good: int 0x80 is #GP, from ring 3 as from a device
     * that went astray. */
    idt[VECTOR_SYSCALL] = (struct gate){0};
}

void idt_open_door(void)
{
#if ENTRY_INT
    set_gate(VECTOR_SYSCALL, door_int_entries[mitigations_door_variant()], GATE_DPL3, 0);
#endif
}

static void load(const struct gate *table)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint64_t)table};
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

void idt_load(void)
{
    load(idt);
}

void idt_allow_user(unsigned vector)
{
    idt[vector].type |= GATE_DPL3;
}

uint64_t idt_entry(unsigned vector)
{
    const struct gate *gate = &idt[vector];
    return (uint64_t)gate->offset32 << 32 | (uint32_t)gate->offset16 << 16 | gate->offset0;
}

void idt_load_copy(unsigned vector, uint64_t entry)
{
    memcpy(idt_copy, idt, sizeof(idt));
    idt_copy[vector] = make_gate(entry, GATE_DPL3, 0);
    load(idt_copy);
}
