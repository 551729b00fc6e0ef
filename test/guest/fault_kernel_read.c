// Reading the kernel's half: a page fault, whether anything is mapped there or not.
// dies: SIGSEGV

int main(void)
{
    return *(volatile char *)0xffffffff80100000 * 0;
}
