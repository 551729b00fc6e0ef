; int 0x80 where that door is closed: #GP. Where it is open the program survives and ends by syscall
; (39 is getpid; on Linux, where int 0x80 has another table, it is mkdir(NULL) there, which fails).
; redoor: no
; entry: syscall
; dies: SIGSEGV

global _start
section .text
_start:
    mov eax, 39
    xor ebx, ebx
    int 0x80

    mov eax, 60
    xor edi, edi
    syscall
