/* Without the boot CPU, whose APIC id is 0. */
#include "madt.inc"
MADT(03)
CPU(02, 02)
CPU(01, 01)
