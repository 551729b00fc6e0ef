/* Three enabled CPUs; on a machine of two, APIC id 7 is nobody's. */
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
CPU(09, 07)
