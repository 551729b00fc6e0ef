; Jumping to a non-canonical address: #GP, at the jump or behind it.
; redoor: no, for no path leads to its last call
; dies: SIGSEGV

global _start
section .text
_start:
    mov rax, 0x800000000000
    jmp rax

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
