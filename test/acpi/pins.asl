/* Each of four CPUs, whose UIDs are no APIC ids, takes NMIs by other pins: LINT0, active low, the first;
 * LINT1, and a pin that there is not, the boot CPU; both, the third; none, the fourth. */
#include "madt.inc"
MADT(03)
CPU(0A, 01)
CPU(0B, 00)
CPU(0C, 02)
CPU(0D, 03)
NMI(0B, 01)
NMI_LOW(0A, 00)
X2APIC_NMI(0000000C, 01)
NMI_LOW(0C, 00)
NMI(0C, 00)
NMI(0B, 02)
