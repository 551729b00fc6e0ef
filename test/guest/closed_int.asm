; int 0x80 where that door is closed: #GP. Where it is open the program survives and ends by it. On
; Linux, whose int 0x80 has another table, the two calls are mkdir(NULL), which fails, and umask.
; redoor: no
; entry: syscall
; dies: SIGSEGV

global _start
section .text
_start:
    mov eax, 39 ; getpid
    xor ebx, ebx
    int 0x80

    mov eax, 60 ; exit(0)
    xor edi, edi
    int 0x80
    mov eax, 60 ; on Linux
    syscall
