; Everything else that comes by the IDT: exceptions and interrupts.

%include "asm-offsets.inc"
%include "mm/smap.inc"
%include "sys/frame.inc"

extern trap, trap_ist, way_out, leave_frame, door_int_iretq, leave_frame_iretq

; Exceptions that push an error code (SDM vol. 3, table 6-1), and those with a stack of their own.
%define HAS_ERROR_CODE(v) (v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
%define HAS_IST(v) (v == 1 || v == 2 || v == 8 || v == 18)

section .text

%assign v 0
%rep 256
vector_%+v:
  %if !HAS_ERROR_CODE(v)
    push 0
  %endif
    push v
  %if HAS_IST(v)
    jmp entry_ist
  %else
    jmp entry
  %endif
  %assign v v + 1
%endrep

; In:   [rsp] = vector, then the error code (0 for vectors without one), then the CPU's part of a frame;
;       rsp = the syscall stack; from ring 3 with its GS base and unknown DF and AC, or from ring 0.
; Out:  by iretq to what was interrupted, or, from ring 3 with work pending, through way_out.
entry:
    cld
    CLAC
    test byte [rsp + FRAME_CS - FRAME_RDI], 3
    jz .from_kernel
.swap:
%ifndef FAULT_missing_swapgs
    swapgs
%endif
.gs_ready:
    lfence                              ; no GS access before it is known which base is loaded, not in
    PUSH_ALL                            ; speculation either (CVE-2019-1125)
    mov rdi, rsp
    call trap                           ; returns the frame to leave by: this one, or, for an iretq
    mov rsp, rax                        ; that faulted, the one that it refused
    test byte [rsp + FRAME_CS], 3
    jz .to_kernel
.to_user:
    cmp dword [gs:CPU_WORK], 0
    je leave_frame
    mov rdi, rsp
    call way_out
    jmp leave_frame
.to_kernel:
    POP_ALL
    iretq
.from_kernel:
    ; An iretq to ring 3 that faults does so in ring 0, but after its swapgs.
    cmp qword [rsp + FRAME_RIP - FRAME_RDI], door_int_iretq
    je .swap
    cmp qword [rsp + FRAME_RIP - FRAME_RDI], leave_frame_iretq
    je .swap
    jmp .gs_ready

; NMI, #DB, #DF, #MC: they strike anywhere, also between an entry and its swapgs, and with FSGSBASE ring
; 3 may hold any value in its GS base; so neither the saved CS nor the base's sign tells which base is
; loaded. The word above an IST stack's frame leads to this CPU's block instead.
; In:   as entry, with rsp = this vector's IST stack.
; Out:  by iretq, the GS base as it was; #DB from ring 3 goes on as an ordinary exception, on the syscall
;       stack, since it may end the thread.
entry_ist:
    cld
    CLAC
    PUSH_ALL
    cmp qword [rsp], 1                  ; #DB
    jne .stay
    test byte [rsp + FRAME_CS], 3
    jnz .move
.stay:
    mov ecx, MSR_GS_BASE
    rdmsr
    mov ebx, eax                        ; the interrupted base, edx:eax, in r12:rbx over the call
    mov r12d, edx
    mov rax, [rsp + FRAME_SIZE]
    mov rdx, rax
    shr rdx, 32
%ifndef FAULT_trusted_gs
    wrmsr
%endif
    mov rdi, rsp
    call trap_ist
    mov ecx, MSR_GS_BASE
    mov eax, ebx
    mov edx, r12d
    wrmsr
    POP_ALL
    iretq
.move:
    swapgs
    lfence
    mov rdi, [gs:CPU_STACK_TOP]
    sub rdi, FRAME_SIZE
    mov rsi, rsp
    mov rsp, rdi                        ; free: ring 3 was interrupted
    mov ecx, FRAME_SIZE / 8
    rep movsq
    mov rdi, rsp
    call trap
    mov rsp, rax
    jmp entry.to_user

section .rodata
global vector_entries
vector_entries:
%assign v 0
%rep 256
    dq vector_%+v
  %assign v v + 1
%endrep
