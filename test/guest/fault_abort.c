// abort() ends a program by a signal it sends to itself.
// libc: both
// dies: SIGABRT

#include <stdlib.h>

int main(void)
{
    abort();
}
