; Reading a non-canonical address: #GP, which tells no address.
; dies: SIGSEGV

global _start
section .text
_start:
    mov rax, 0x800000000000
    mov rax, [rax]

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
