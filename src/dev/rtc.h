/* The battery-backed clock of the PC (MC146818). */
#pragma once

#include <stdint.h>

/* Seconds since 1970-01-01 as the clock shows them (which zone it runs in, it does not say), or 0
 * when there is no clock that makes sense. Takes some 200 ms at the worst. Boot CPU
 * only: the index register is shared. */
int64_t rtc_read(void);
