; The loops that exact times: alike byte for byte but for the two bytes in the place of the door,
; so that the difference of two loops is the door and what lies behind it, and nothing else.
; uint64_t exact_*(uint64_t number, uint64_t calls): TSC ticks from the first rdtsc to the second.
bits 64
default rel

section .text

%macro EXACT_LOOP 2+ ; name, the instruction in the place of the door
align 64
global %1:function, %1_door, %1_end
%1:
    push rbx                ; a door takes rax, syscall also rcx and r11: the loop lives in others
    push r12
    mov r9d, edi
    mov ebx, esi
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov r12, rax
%%again:
    mov eax, r9d
%1_door:
    %2
    dec ebx
    jnz %%again
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, r12
    pop r12
    pop rbx
    ret
%1_end:
%endmacro

EXACT_LOOP exact_nop, db 0x66, 0x90 ; one instruction of two bytes, as both doors are
EXACT_LOOP exact_int, int 0x80
EXACT_LOOP exact_syscall, syscall

section .note.GNU-stack noalloc noexec nowrite progbits
