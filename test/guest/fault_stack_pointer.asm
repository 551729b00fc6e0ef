; A stack pointer in the kernel's half, then a push: the interrupted stack is never trusted.
; dies: SIGSEGV

global _start
section .text
_start:
    mov rsp, 0xffff800000001000
    push rax

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
