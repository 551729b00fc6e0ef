; An unmasked x87 exception, 1 / 0: #MF at the next x87 instruction.
; dies: SIGFPE

global _start
section .text
_start:
    fninit
    push 0x37b ; all masked but division by zero
    fldcw [rsp]
    fld1
    fldz
    fdivp
    fwait

    mov eax, 231 ; survived: exit_group(0)
    xor edi, edi
    syscall
