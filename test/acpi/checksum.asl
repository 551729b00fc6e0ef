/* A good table, but for its checksum. */
// checksum: wrong
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
CPU(02, 02)
CPU(03, 03)
