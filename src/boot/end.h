/* The end of a run. */
#pragma once

/* Exit statuses of the kernel's own, as a shell says them. */
#define STATUS_CANNOT_RUN 126
#define STATUS_NOT_FOUND  127

/* The last process has ended; init with that wait status. Leaves the machine. */
_Noreturn void machine_end(int wait_status);

/* Init could not be started, or the boot went wrong: leaves with the fail verdict and that exit
 * status. */
_Noreturn void machine_refuse(int exit_status);

/* Notes how many frames are free before init starts: at the end there must be as many. */
void machine_mark_start(void);

enum machine_request { MACHINE_POWER_OFF, MACHINE_RESTART, MACHINE_HALT };

/* A program, named for the log, has asked for it, while others may still run: reboot(2). All CPUs
 * but this one are stopped where they are. Whoever asks for a power-off gets it at once, whatever
 * poweroff= says. The caller holds no lock. */
_Noreturn void machine_leave(enum machine_request request, const char *program);
