/* The third CPU's entry ends in the middle of its flags. */
// patch: 61 06
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
CPU(02, 02)
CPU(03, 03)
