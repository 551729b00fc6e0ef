; Single step switched on just before a door: no step is taken in the kernel, the next one here is.
; dies: SIGTRAP

global _start
section .text
_start:
    mov eax, 39 ; getpid
    pushfq
    or qword [rsp], 0x100
    popfq
    syscall
    nop
    nop

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
