; Single step, held back by a mov to SS over a door: the trap is due behind syscall, in ring 0, where the
; emulator models that (SDM vol. 3, 6.8.3).
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
    syscall
    nop
    nop

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
