/* A machine of four, whose CPUs are listed twice, by the same kind of entry and by the other; a UID that
 * two of them have; and processors whose id means all of them. */
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
CPU(02, 02)
CPU(02, 03)
CPU(08, 01)
X2APIC_CPU(00000002, 00000002)
CPU(09, FF)
X2APIC_CPU(0000000A, FFFFFFFF)
CPU(00, 00)
