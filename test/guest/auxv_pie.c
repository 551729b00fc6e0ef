// auxv.c once more, as a program that can lie anywhere and relocates itself.
// libc: glibc-pie

#include "auxv.c"
