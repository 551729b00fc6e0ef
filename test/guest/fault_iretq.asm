; iretq to ring 0 by ring 3: #GP with a selector.
; dies: SIGSEGV

global _start
section .text
_start:
    mov rcx, rsp
    push 0x10
    push rcx
    push 0x202
    push 0x08
    lea rax, [rel .there]
    push rax
    iretq
.there:

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
