; The room behind both doors, and the slow way out of it.

%include "asm-offsets.inc"
%include "sys/frame.inc"

extern syscall_table, sys_unimplemented, way_out

section .text

; In:  eax = call number (bits 63:32 are ignored), rdi rsi rdx r10 r8 r9 = arguments; the frame lies
;      above the return address; GS = this CPU's block, IF = DF = AC = 0.
; Out: rax = result; what C destroys is destroyed.
global dispatch
dispatch:
    cmp eax, SYSCALL_COUNT
    jae .unknown
%ifndef FAULT_unmasked_index
    sbb r11, r11                        ; all ones, for CF = 1 here; zero where the branch above was
    and eax, r11d                       ; only predicted, so that no address outside of the table is
%endif                                  ; formed in speculation (Spectre variant 1); clears rax 63:32
    mov rcx, r10                        ; the fourth argument, where C wants it
    jmp [syscall_table + rax * 8]
.unknown:
    jmp sys_unimplemented

; In:  rsp = a door's frame, its callee-saved part not yet written; rax = the call's result.
; Out: as leave_frame, with whatever frame way_out leaves there: another thread's perhaps.
global leave_slow
leave_slow:
    mov [rsp + FRAME_RAX], rax
    mov [rsp + FRAME_RBX], rbx
    mov [rsp + FRAME_RBP], rbp
    mov [rsp + FRAME_R12], r12
    mov [rsp + FRAME_R13], r13
    mov [rsp + FRAME_R14], r14
    mov [rsp + FRAME_R15], r15
    mov rdi, rsp
    call way_out

; In:  rsp = a complete frame of ring 3 at the top of the syscall stack, GS = this CPU's block.
; Out: ring 3, by iretq, which takes any frame: a new thread's, another door's, an exception's. Should
;      the frame be one that iretq refuses, it faults right there, and trap() charges the thread.
global leave_frame
global leave_frame_iretq
leave_frame:
    POP_ALL
    swapgs
leave_frame_iretq:
    iretq
