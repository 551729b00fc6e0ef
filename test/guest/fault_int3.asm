; A breakpoint instruction: #BP, whose gate ring 3 may use.
; redoor: no, for no path leads to its last call
; dies: SIGTRAP

global _start
section .text
_start:
    int3

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
