/* The only NMI is on a pin that there is not: it says nothing. */
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
NMI(FF, 02)
