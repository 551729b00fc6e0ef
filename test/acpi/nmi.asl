/* NMIs on LINT0 of all CPUs, on both pins of one, on a pin that there is not, and on an input of the
 * I/O APIC; and the local APICs' address twice, the second time a wrong one. */
#include "madt.inc"
MADT(03)
CPU(00, 00)
CPU(01, 01)
NMI_SOURCE(00000002)
LOCAL_APIC_ADDRESS(00000000FEE00000)
NMI(FF, 00)
X2APIC_NMI(00000001, 01)
NMI(00, 07)
LOCAL_APIC_ADDRESS(00000000FED00000)
