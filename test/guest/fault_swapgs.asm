; swapgs in ring 3: #GP, or the kernel would lose its block.
; dies: SIGSEGV

global _start
section .text
_start:
    swapgs

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
