/* No MADT: with this in its place, the machine has one table more and none that lists CPUs. */
#include "madt.inc"
TABLE("OEM1", 01)
UINT32 : 00000000
