/* APIC id 1 by an x2APIC entry, APIC id 2 by both kinds, and one that xAPIC mode cannot reach. */
#include "madt.inc"
MADT(03)
CPU(00, 00)
X2APIC_CPU(00000001, 00000001)
CPU(02, 02)
X2APIC_CPU(00000002, 00000002)
X2APIC_CPU(00000003, 00000123)
