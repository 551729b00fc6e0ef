; syscall where that door is closed: #UD. Where it is open the program survives and ends by the
; door that lets it (60 is exit; on Linux, where int 0x80 has another table, it is umask there).
; redoor: no
; entry: int
; dies: SIGILL

global _start
section .text
_start:
    mov eax, 39 ; getpid
    syscall

    mov eax, 60
    xor edi, edi
    int 0x80
    mov eax, 60
    syscall
