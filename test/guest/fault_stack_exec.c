// Executing the stack: a page fault by fetching from a page that is NX.
// dies: SIGSEGV

#include <stdint.h>

int main(void)
{
    volatile unsigned char code[16] = {0xc3}; /* ret */

    ((void (*)(void))(uintptr_t)code)();
    return 0;
}
