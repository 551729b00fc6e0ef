/* The page where a started CPU begins, in real mode below 1 MiB. */
#pragma once

#define TRAMPOLINE_SIZE  4096
#define TRAMPOLINE_LIMIT 0x100000 /* real mode reaches no further; SIPI names a page below it */
