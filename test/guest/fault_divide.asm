; Division by zero: #DE.
; dies: SIGFPE

global _start
section .text
_start:
    mov eax, 1
    xor edx, edx
    xor ecx, ecx
    div ecx

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
