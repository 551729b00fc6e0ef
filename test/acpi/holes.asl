/* Of a machine of four, the first and the last; their UIDs are no APIC ids. */
#include "madt.inc"
MADT(03)
CPU(20, 00)
CPU(07, 03)
