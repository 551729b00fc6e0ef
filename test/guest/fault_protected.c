// Reading a page after mprotect took all rights from it: a page fault, although the translation
// was in use a moment before.
// dies: SIGSEGV

#include <sys/mman.h>

int main(void)
{
    volatile char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *p = 1;
    mprotect((void *)p, 4096, PROT_NONE);
    return *p * 0;
}
