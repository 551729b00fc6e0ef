; int 2 does not reach the NMI handler: #GP, for the gate is ring 0's.
; dies: SIGSEGV

global _start
section .text
_start:
    int 2

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
