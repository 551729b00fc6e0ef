/* Entries of types that no x86 has, the shortest possible too, between those of four CPUs; and type 10h,
 * the mailbox by which some machines want their CPUs woken. */
// patch: 52 0B
// patch: 68 7F 02 FF 06
// patch: 84 10 10 00 00 00 00 00 00 00 50 E6 1F 00 00 00 00
#include "madt.inc"
MADT(05)
CPU(00, 00)
NMI_SOURCE(00000002)
CPU(01, 01)
NMI_SOURCE(00000003)
CPU(02, 02)
X2APIC_CPU(00000000, 00000000)
CPU(03, 03)
