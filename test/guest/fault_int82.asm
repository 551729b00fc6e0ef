; int 0x82: nor a fourth door. #GP.
; dies: SIGSEGV

global _start
section .text
_start:
    int 0x82

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
