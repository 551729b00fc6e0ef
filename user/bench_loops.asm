; The loops that bench times. Each stands here once for every door, and once with a nop of the same
; length in the place of the door: alike byte for byte but for that, so that the difference of two
; loops is the door and what lies behind it, and nothing else.
;
; uint64_t bench_LOOP_DOOR(struct bench_call *calls, uint64_t turns): TSC ticks from before the first
; turn until after the last; turns > 0. A call's registers serve both ABIs (rbx rcx rdx rsi rdi rbp are i386's,
; behind Linux's int 0x80); a door keeps them, but for rax and syscall's rcx and r11.
bits 64
default rel

; struct bench_call, as bench.h asserts it
%define REGISTERS 0     ; rbx rcx rdx rsi rdi rbp r8 r9 r10
%define NUMBER    72
%define RESULT    80
%define WORD      88
%define COUNT     96
%define CALL_SIZE 104

section .text

%macro ARGUMENTS 1 ; of the call at this address
    mov rbx, [%1 + REGISTERS]
    mov rcx, [%1 + REGISTERS + 8]
    mov rdx, [%1 + REGISTERS + 16]
    mov rsi, [%1 + REGISTERS + 24]
    mov rdi, [%1 + REGISTERS + 32]
    mov rbp, [%1 + REGISTERS + 40]
    mov r8, [%1 + REGISTERS + 48]
    mov r9, [%1 + REGISTERS + 56]
    mov r10, [%1 + REGISTERS + 64]
%endmacro

; What a loop keeps: r12 what it likes, r13 turns left, r14 the time it began, r15 the calls. Where
; another thread must see and end the turns they lie in memory, which is not as even: how fast a
; store is read again depends on what the CPU has learnt of it.
%macro BEGIN 1 ; name
align 64
global %1:function, %1_end
%1:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov r15, rdi
    mov r13, rsi
    mov [r15 + COUNT], rsi
    mov r12d, [r15 + NUMBER]
    lfence
    rdtsc
    lfence
    shl rdx, 32
    or rax, rdx
    mov r14, rax
    ARGUMENTS r15
%endmacro

%macro END 1
    mov [r15 + RESULT], rax ; of the last call
    lfence
    rdtsc
    lfence
    shl rdx, 32
    or rax, rdx
    sub rax, r14
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
%1_end:
%endmacro

; One call a turn. %2: a macro with the door's two bytes; %3: what counts the turns.
%macro CALL_LOOP 3
BEGIN %1
.again:
    mov eax, r12d
    %2
    dec %3
    jnz .again
END %1
%endmacro

%macro LOOPS 2
CALL_LOOP bench_call_%1, %2, r13
CALL_LOOP bench_shared_%1, %2, qword [r15 + COUNT]

BEGIN bench_page_%1 ; a call that returns a page, a touch, and a call to which it is an argument
.again:
    ARGUMENTS r15
    mov eax, r12d
    %2
    test rax, rax
    js .failed
    mov byte [rax], 1
    ARGUMENTS r15 + CALL_SIZE
    mov rbx, rax
    mov rdi, rax
    mov eax, [r15 + CALL_SIZE + NUMBER]
    %2
    dec r13
    jnz .again
.failed:
END bench_page_%1

BEGIN bench_handoff_%1 ; sets a word, wakes who waits for it, waits until the other word is set
.again:
    mov r12, [r15 + WORD]
    mov dword [r12], 1
    ARGUMENTS r15
    mov eax, [r15 + NUMBER]
    %2
.wait:
    ARGUMENTS r15 + CALL_SIZE
    mov eax, [r15 + CALL_SIZE + NUMBER]
    %2
    mov r12, [r15 + CALL_SIZE + WORD]
    cmp dword [r12], 0
    je .wait
    mov dword [r12], 0
    dec qword [r15 + COUNT]
    jnz .again
END bench_handoff_%1
%endmacro

%macro NO_DOOR 0
    db 0x66, 0x90 ; one instruction of two bytes, as the doors are
%endmacro
%macro DOOR_INT 0
    int 0x80
%endmacro
%macro DOOR_SYSCALL 0
    syscall
%endmacro
%macro DOOR_GATE 0
    int 0x81 ; LAB_GATE
%endmacro

LOOPS nop, NO_DOOR
LOOPS int, DOOR_INT
LOOPS syscall, DOOR_SYSCALL
CALL_LOOP bench_call_gate, DOOR_GATE, r13

section .note.GNU-stack noalloc noexec nowrite progbits
