; hlt in ring 3: #GP.
; redoor: no, for no path leads to its last call
; dies: SIGSEGV

global _start
section .text
_start:
    hlt

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
