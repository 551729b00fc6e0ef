// A system call in the last two bytes of user space. Its return address is the first that can
// never be mapped, so the way out must fault in ring 3, not in ring 0 with ring 3's stack.
// dies: SIGSEGV

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Copied rather than written down, so that a program turned to the other door copies that one. */
extern const char door_code[];
__asm__(".pushsection .text\n"
        "door_code: syscall\n"
        "ret\n"
        ".popsection\n");

int main(void)
{
    char *last = mmap((void *)0x7fffffffe000, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (last != (char *)0x7fffffffe000)
        return 1;
    memcpy(last + 4094, door_code, 2);
    mprotect(last, 4096, PROT_READ | PROT_EXEC);
    __asm__ volatile("jmp *%1" : : "a"(SYS_getpid), "r"(last + 4094) : "rcx", "r11", "memory");
    return 0;
}
