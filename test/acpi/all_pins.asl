/* Both pins of all CPUs: LINT1, active low, by the UID of 32 bits that means all, LINT0 by that of 8. */
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
X2APIC_NMI(FFFFFFFF, 01)
NMI(FF, 00)
