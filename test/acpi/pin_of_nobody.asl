/* The boot CPU, APIC id 0, is not listed, and so has no UID: the NMI of UID 0 is not its own. */
#include "madt.inc"
MADT(03)
CPU(01, 01)
NMI(00, 00)
NMI(01, 00)
