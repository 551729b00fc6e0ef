; A stack without end: it grows until it meets its guard.
; redoor: no, for no path leads to its last call
; dies: SIGSEGV

global _start
section .text
_start:
.deeper:
    push rax
    jmp .deeper

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
