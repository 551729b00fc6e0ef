/* The last CPU's entry ends a byte behind the table. */
// patch: 69 09
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
CPU(02, 02)
CPU(03, 03)
