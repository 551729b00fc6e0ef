; Single step, switched on by the program itself: #DB.
; dies: SIGTRAP

global _start
section .text
_start:
    pushfq
    or qword [rsp], 0x100
    popfq
    nop
    nop

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
