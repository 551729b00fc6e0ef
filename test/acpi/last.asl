/* The boot CPU, whose APIC id is 0, is the last one listed. */
#include "madt.inc"
MADT(03)
CPU(0A, 03)
CPU(0B, 02)
CPU(0C, 01)
CPU(0D, 00)
