; syscall where that door is closed: #UD. Where it is open the program survives and ends by it.
; redoor: no
; entry: int
; dies: SIGILL

global _start
section .text
_start:
    mov eax, 39 ; getpid
    syscall

    mov eax, 60 ; exit(0)
    xor edi, edi
    syscall
