; As fault_step_ss_syscall, by the other door.
; redoor: no
; entry: both
; dies: SIGTRAP

global _start
section .text
_start:
    mov ecx, ss
    mov eax, 39 ; getpid
    pushfq
    or qword [rsp], 0x100
    popfq
    mov ss, ecx
    int 0x80
    nop
    nop

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
