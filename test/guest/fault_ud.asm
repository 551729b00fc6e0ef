; An instruction that is defined to be none: #UD.
; redoor: no, for no path leads to its last call
; dies: SIGILL

global _start
section .text
_start:
    ud2

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
