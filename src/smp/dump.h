/* acpi=dump: the firmware's tables as text, for somebody else's eyes. */
#pragma once

/* Prints all tables to the serial port as acpidump(8) does, but for the column of characters, which its
 * readers do not read: five milliseconds for 16 bytes at 115200 baud. tools/acpidump picks them out of
 * a log. After acpi_init. */
void acpi_dump(void);
