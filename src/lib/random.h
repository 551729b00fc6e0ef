/* Random bytes for programs: getrandom(2), AT_RANDOM. */
#pragma once

#include <stddef.h>

/* Seeds the generator; before the other CPUs run. */
void random_init(void);

void random_bytes(void *buffer, size_t size);
