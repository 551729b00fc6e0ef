; int1, also called icebp: #DB with no cause in DR6. QEMU's emulator knows no such instruction and
; gives #UD, hence SIGILL.
; dies: SIGTRAP
; dies: SIGILL

global _start
section .text
_start:
    db 0xf1

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
