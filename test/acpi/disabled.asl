/* Of five CPUs the third is disabled, the fourth has another ACPI UID than APIC id, and the fifth may be
 * plugged in later. */
#include "madt.inc"
MADT(05)
CPU(00, 00)
CPU(01, 01)
LOCAL_APIC(02, 02, 0, 0)
CPU(40, 03)
LOCAL_APIC(05, 05, 0, 1)
