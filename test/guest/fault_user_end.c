// A system call in the last two bytes of user space. Its return address is the first that can never
// be mapped, so the way out must fault in ring 3, not in ring 0 with ring 3's stack.
// args: $ENTRY
// redoor: no
// flags: -nostdlib -ffreestanding -fno-stack-protector
// dies: SIGSEGV

#include "bare.h"

#include <sys/mman.h>

int bare_main(int argc, char **argv)
{
    static const char code[DOORS][2] = {[DOOR_SYSCALL] = "\x0f\x05", [DOOR_INT] = "\xcd\x80"};
    char *page = (char *)0x7fffffffe000, *last = page + 4094;

    (void)argc;
    (void)argv;
    if (sys(mmap, page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
            -1) != (long)page)
        return 1;
    memcpy(last, code[door], 2);
    sys(mprotect, page, 4096, PROT_READ | PROT_EXEC);
    __asm__ volatile("jmp *%1" : : "a"(SYS_getpid), "r"(last) : "rcx", "r11", "memory");
    return 0;
}
