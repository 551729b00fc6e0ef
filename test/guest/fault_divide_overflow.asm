; A quotient that does not fit, -2^63 / -1: #DE as well.
; dies: SIGFPE

global _start
section .text
_start:
    mov rax, 0x8000000000000000
    cqo
    mov rcx, -1
    idiv rcx

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
