; Reading a non-canonical address by way of rbp: #SS, which Linux makes SIGBUS. QEMU's emulator
; gives #GP instead, hence SIGSEGV.
; dies: SIGBUS
; dies: SIGSEGV

global _start
section .text
_start:
    mov rbp, 0x800000000000
    mov rax, [rbp]

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
