/* Waiting for an address space, in the table of all that wait (park.h). */

#include "task/turn.h"
#include "mm/changes.h"
#include "task/park.h"
#include "task/thread.h"

#define TURN 1 /* odd: no futex's address */

static bool is_busy(const void *space)
{
    return ((const struct space *)space)->changer != NULL;
}

void turn_wait(struct space *space)
{
    (void)park(space, TURN, is_busy, WAIT_RESULT);
}

void turn_end(struct space *space, const struct thread *thread)
{
    (void)space_let_go(space, thread);
    (void)unpark(space, TURN, 1);
}
