; Loading an IDT in ring 3: #GP.
; dies: SIGSEGV

global _start
section .text
_start:
    sub rsp, 16
    lidt [rsp]

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
