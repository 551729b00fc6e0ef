; Copies that may fault on their user side. A fault that the address space cannot resolve lands on the
; fixup of the instruction it struck (.fixup_table), with RFLAGS.AC still set: each path clears it.

%include "cpu/mitigations.inc"

section .text

; A fault at the instruction %1 continues at %2.
%macro FIXUP 2
[section .fixup_table progbits alloc noexec nowrite align=8]
    dq %1, %2
__?SECT?__
%endmacro

; In:  rdi = destination, rsi = source, rdx = bytes; either pointer may be a user address, checked to
;      lie in user space. DF = 0.
; Out: rax = bytes, at the end, that were not copied.
global user_copy
user_copy:
    STAC
    mov rcx, rdx
    shr rcx, 3
.words:
    rep movsq
    mov ecx, edx
    and ecx, 7
.bytes:
    rep movsb
.done:
    mov rax, rcx
    CLAC
    ret
.words_fault:                           ; rcx words and the odd bytes are left; go on by bytes, so
    and edx, 7                          ; that what can be copied is
    lea rcx, [rdx + rcx * 8]
    jmp .bytes
    FIXUP .words, .words_fault
    FIXUP .bytes, .done

; In:  rdi = destination, a user address as above; rsi = bytes. DF = 0.
; Out: rax = bytes, at the end, that were not zeroed.
global user_clear
user_clear:
    STAC
    mov rcx, rsi
    xor eax, eax
.bytes:
    rep stosb
.done:
    mov rax, rcx
    CLAC
    ret
    FIXUP .bytes, .done
