/* The end of a run. */
#pragma once

#include <stdbool.h>

/* The last process has ended; init with that wait status. Leaves the machine. */
_Noreturn void machine_end(int wait_status);

/* Init could not be started, or the boot went wrong: leaves with the fail verdict and that exit
 * status. */
_Noreturn void machine_refuse(int exit_status);

/* Notes how many frames are free before init starts: at the end there must be as many. poweroff false:
 * the end leaves the machine on, halted, for somebody to read the screen. */
void machine_mark_start(bool poweroff);
