// Executing data: a page fault by fetching from a page that is NX.
// dies: SIGSEGV

#include <stdint.h>

static unsigned char code[] = {0xc3}; /* ret */

int main(void)
{
    unsigned char *volatile data = code;

    *data = 0xc3;
    ((void (*)(void))(uintptr_t)data)();
    return 0;
}
