// Reading address 0: a page fault.
// dies: SIGSEGV

int main(void)
{
    volatile int *volatile nowhere = 0;

    return *nowhere * 0;
}
