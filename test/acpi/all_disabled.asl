/* Not even the CPU that reads it is enabled. */
#include "madt.inc"
MADT(05)
LOCAL_APIC(00, 00, 0, 0)
LOCAL_APIC(01, 01, 0, 1)
