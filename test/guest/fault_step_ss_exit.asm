; Single step, held back by a mov to SS over exit_group: the process ends as it asked to.
; redoor: no
; entry: both
; exits: 7

global _start
section .text
_start:
    mov ecx, ss
    mov eax, 231 ; exit_group
    mov edi, 7
    pushfq
    or qword [rsp], 0x100
    popfq
    mov ss, ecx
    syscall
    nop
    nop

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
