// Writing to the program's own code: a page fault on a page that is there.
// dies: SIGSEGV

#include <stdint.h>

int main(void)
{
    volatile char *code = (volatile char *)(uintptr_t)main;

    *code = 0;
    return 0;
}
