; Single step, held back by a mov to SS over an int whose gate is closed: #GP and the step.
; redoor: no
; dies: SIGSEGV

global _start
section .text
_start:
    mov ecx, ss
    pushfq
    or qword [rsp], 0x100
    popfq
    mov ss, ecx
    int 0x81
    nop
    nop

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
