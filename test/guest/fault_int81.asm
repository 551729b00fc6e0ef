; int 0x81: there is no third door. #GP.
; dies: SIGSEGV

global _start
section .text
_start:
    int 0x81

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
