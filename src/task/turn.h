/* Whose turn it is to change an address space (mm/changes.h). A change that takes several pieces has it to
 * itself; threads that come meanwhile wait here, and each that is done lets the next one try. */
#pragma once

struct space;
struct thread;

/* The space is busy: the current thread sleeps until it may be free, and then goes on with its next piece
 * (sched_go_on is the caller's). It may find the space busy again. */
void turn_wait(struct space *space);

/* The thread's change is done, or never will be; or it has waited, and will not try again. */
void turn_end(struct space *space, const struct thread *thread);
