/* /dev/sallyport: what this kernel is and what it found, as a text that any program may read. */
#pragma once

#include <stdbool.h>

/* Writes the text, once: all CPUs are online, and what it tells stays as it is. lab: whether
 * lab=on. */
void about_init(bool lab);
