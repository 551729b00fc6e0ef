/* VGA text mode, 80 by 25, as the BIOS sets it: a display for the screen. Needs the direct map of the
 * first MiB. On a machine that is not in text mode nothing of it may be called. */
#pragma once

#include "dev/screen.h"

extern const struct display text_mode;
