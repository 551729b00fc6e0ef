; The lab's stubs: doors that do less than the real ones, each a little more than the one before, in
; the very instructions of door_int.asm and door_syscall.asm, so that two of them differ by what is to
; be counted and by nothing else. lab.c puts them in place, for one thread on one CPU at a time.
;
; In:   lab_int_*: as door_int, from gate LAB_GATE. lab_syscall_*: as door_syscall.
; Out:  rax as it was, or, from the dispatch on, the result; all else as the real door gives it back.
;       The crossed ones lose rcx and r11 by either door, and with work pending go through leave_slow.
;
; Mitigations they have none, and so with page-table isolation they stay on ring 3's tables: all that
; they touch is in this section, in this CPU's block, and in the page of the syscall stack's frame. The
; crossed ones leave these, and are installed only where the doors change no tables either.
;
; No iretq here can fault (SDM vol. 2, IRET): it checks NT, which the gate and SFMASK have cleared; the
; selectors, which are the two that ring 3 can have; and rip, which follows an instruction below USER_END
; and is canonical. The five words are the CPU's own, or those of door_syscall, and nothing has come
; between: IF = 0, and an NMI, #DB or #MC has a stack of its own and takes GS as it finds it. For the
; same reason lab_int_crossed obeys the rule of sysretq (door_syscall.asm): rcx is such a rip too.
; Should one fault all the same, it is in the entry text, where the kernel takes it for a door's.

%include "asm-offsets.inc"
%include "cpu/mitigations.inc"
%include "sys/frame.inc"

extern dispatch, leave_slow

%macro STUB 1
align 64
global %1:function
%1:
%endmacro

section .entry.text

STUB lab_int_bare
    iretq

STUB lab_int_swapgs
    swapgs
    swapgs
    iretq

; The frame, with how much room below the registers that it saves. The dispatch's return address goes
; there: the page below the frame's is not mapped on ring 3's tables.
ROOM equ FRAME_R11 - 16

%macro INT_IN 1
    swapgs
    CLAC
    cld
    push rax
    PUSH_CALLER_SAVED %1
%endmacro
%macro INT_OUT 1
    POP_CALLER_SAVED %1
    add rsp, 8
    swapgs
    iretq
%endmacro

STUB lab_int_frame
    INT_IN ROOM
    INT_OUT ROOM

STUB lab_int_dispatch
    INT_IN ROOM
    call lab_dispatch
    INT_OUT ROOM

STUB lab_syscall_bare
    o64 sysret

STUB lab_syscall_swapgs
    swapgs
    swapgs
    o64 sysret

STUB lab_syscall_stack
    swapgs
    mov [gs:CPU_USER_RSP], rsp
    mov rsp, [gs:CPU_STACK_TOP]
    mov rsp, [gs:CPU_USER_RSP]          ; there is no frame yet to take it from
    swapgs
    o64 sysret

%macro SYSCALL_IN 1
    swapgs
    mov [gs:CPU_USER_RSP], rsp
    mov rsp, [gs:CPU_STACK_TOP]
    push USER_SS
    push qword [gs:CPU_USER_RSP]
    push r11
    push USER_CS
    push rcx
    push rax
    PUSH_CALLER_SAVED %1
%endmacro
%macro SYSCALL_OUT 1
    POP_CALLER_SAVED %1
    mov rsp, [rsp + FRAME_RSP - FRAME_ORIG_RAX]
    swapgs
    o64 sysret
%endmacro

STUB lab_syscall_frame
    SYSCALL_IN ROOM
    SYSCALL_OUT ROOM

STUB lab_syscall_dispatch
    SYSCALL_IN ROOM
    call lab_dispatch
    SYSCALL_OUT ROOM

; As dispatch, before a table that has the number 0 only.
STUB lab_dispatch
    cmp eax, 1
    jae .null
    sbb r11, r11
    and eax, r11d
    mov rcx, r10
    jmp [.table + rax * 8]
.null:
    ret
align 64                                ; a line that is read does not hold what is executed
.table:
    dq .null

STUB lab_int_crossed
    INT_IN FRAME_R11
    call dispatch
    cmp dword [gs:CPU_WORK], 0
    jne leave_slow
    POP_CALLER_SAVED
    mov rcx, [rsp + FRAME_RIP - FRAME_ORIG_RAX]
    mov r11, [rsp + FRAME_RFLAGS - FRAME_ORIG_RAX]
    mov rsp, [rsp + FRAME_RSP - FRAME_ORIG_RAX]
    swapgs
    o64 sysret

STUB lab_syscall_crossed
    SYSCALL_IN FRAME_R11
    call dispatch
    cmp dword [gs:CPU_WORK], 0
    jne leave_slow
    INT_OUT FRAME_R11
