; Loading the kernel's code segment as data in ring 3: #GP with a selector.
; dies: SIGSEGV

global _start
section .text
_start:
    mov eax, 0x08
    mov ds, eax

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
