; The room behind both doors, and the slow way out of it: what runs on the kernel's page tables alone.

%include "asm-offsets.inc"
%include "sys/frame.inc"

extern syscall_table, sys_beyond_table, sys_lab, way_out, way_out_timed, leave_frame

section .text

; In:  eax = call number (bits 63:32 are ignored), rdi rsi rdx r10 r8 r9 = arguments; the frame lies
;      above the return address; GS = this CPU's block, IF = DF = AC = 0.
; Out: rax = result; what C destroys is destroyed.
global dispatch
dispatch:
    cmp eax, SYSCALL_COUNT
    jae unknown
%ifndef FAULT_unmasked_index
    sbb r11, r11                        ; all ones, for CF = 1 here; zero where the branch above was
    and eax, r11d                       ; only predicted, so that no address outside of the table is
%endif                                  ; formed in speculation (Spectre variant 1); clears rax 63:32
    mov rcx, r10                        ; the fourth argument, where C wants it
    jmp [syscall_table + rax * 8]
unknown:
    cmp eax, SYS_LAB
    jne sys_beyond_table
    jmp sys_lab

; The same with index_mask=off.
global dispatch_unmasked
dispatch_unmasked:
    cmp eax, SYSCALL_COUNT
    jae unknown
    mov eax, eax                        ; clears rax 63:32
    mov rcx, r10
    jmp [syscall_table + rax * 8]

; In:  rsp = a door's frame, its callee-saved part not yet written; rax = the call's result.
; Out: as leave_frame, with whatever frame way_out leaves there: another thread's perhaps.
global leave_slow
leave_slow:
    SAVE_CALLEE_SAVED
global leave_slow_saved
leave_slow_saved:                       ; a door that saved them on its way in
    mov [rsp + FRAME_RAX], rax
    mov rdi, rsp
    TIMED_CALL way_out
    jmp leave_frame

; In:  rsp = a complete frame of ring 0, GS = this CPU's block.
; Out: where it was interrupted. Not in the entry text, where a faulting iretq is one to ring 3.
global leave_to_kernel
leave_to_kernel:
    POP_ALL
    iretq
