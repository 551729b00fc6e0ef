; Moving the syscall door in ring 3: #GP.
; dies: SIGSEGV

global _start
section .text
_start:
    mov ecx, 0xc0000082
    xor eax, eax
    xor edx, edx
    wrmsr

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
