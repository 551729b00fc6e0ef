; Reading address 0: a page fault.
; dies: SIGSEGV

global _start
section .text
_start:
    xor eax, eax
    mov rax, [rax]

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
