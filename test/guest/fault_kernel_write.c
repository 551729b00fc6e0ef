// Writing to the kernel's direct map of all memory: a page fault.
// dies: SIGSEGV

int main(void)
{
    *(volatile char *)0xffff800000100000 = 1;
    return 0;
}
