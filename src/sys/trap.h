/* What exceptions leave for the way out. */
#pragma once

struct trap_frame;

/* WORK_STEP: a single step of ring 3's that was taken in ring 0 ends the current process, as one taken in
 * ring 3 does; unless its thread ends anyway. The frame is the one that it would have left by. */
void trap_deliver_step(const struct trap_frame *frame);
