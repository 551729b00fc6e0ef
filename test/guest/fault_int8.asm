; int 8 does not reach the double fault handler: #GP, for the gate is ring 0's.
; dies: SIGSEGV

global _start
section .text
_start:
    int 8

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
