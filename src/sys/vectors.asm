; Everything else that comes by the IDT: exceptions and interrupts; and the way to ring 3 by iretq.

%include "asm-offsets.inc"
%include "cpu/mitigations.inc"
%include "sys/frame.inc"

extern trap, trap_timed, trap_ist, way_out, way_out_timed, leave_to_kernel, entry_text_start, entry_text_end

; Exceptions that push an error code (SDM vol. 3, table 6-1), and those with a stack of their own.
%define HAS_ERROR_CODE(v) (v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
%define HAS_IST(v) (v == 1 || v == 2 || v == 8 || v == 18)

section .entry.text

%macro FENCE 0                          ; no GS access before it is known which base is loaded, not in
    IF_MITIGATED MITIGATION_SWAPGS_FENCE ; speculation either (CVE-2019-1125)
    lfence
    END_IF
%endmacro

%macro CLEAR_REGISTERS 0
    IF_MITIGATED MITIGATION_CLEAR_REGS
    CLEAR_CALLEE_SAVED
    CLEAR_CALLER_SAVED
    END_IF
%endmacro

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
    FENCE
    IF_MITIGATED MITIGATION_KPTI
    push rax
    mov rax, [gs:CPU_KERNEL_CR3]
    mov cr3, rax
    pop rax
    END_IF
.gs_ready:
    PUSH_ALL
    CLEAR_REGISTERS
    IF_MITIGATED MITIGATION_IBRS
    SET_IBRS 1
    END_IF
    mov rdi, rsp
    TIMED_CALL trap                     ; returns the frame to leave by: this one, or, for an iretq
    mov rsp, rax                        ; that faulted, the one that it refused
    test byte [rsp + FRAME_CS], 3
    jz leave_to_kernel
.to_user:
    cmp dword [gs:CPU_WORK], 0
    je leave_frame
    mov rdi, rsp
    TIMED_CALL way_out
    jmp leave_frame
.from_kernel:
    ; The one thing here that can fault is an iretq to ring 3: it does so in ring 0, but after its
    ; swapgs, and on ring 3's page tables.
    cmp qword [rsp + FRAME_RIP - FRAME_RDI], entry_text_start
    jb .kernels_gs
    cmp qword [rsp + FRAME_RIP - FRAME_RDI], entry_text_end
    jb .swap
.kernels_gs:
    FENCE
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
    CLEAR_REGISTERS
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
    mov r13, rax
    mov rdx, rax
    shr rdx, 32
%ifndef FAULT_trusted_gs
    wrmsr
%endif
    IF_MITIGATED MITIGATION_KPTI
    mov rax, [r13 + CPU_KERNEL_CR3]
    mov r13, cr3                        ; the interrupted tables, either pair's either half
    mov cr3, rax
    END_IF
    IF_MITIGATED MITIGATION_IBRS
    mov ecx, MSR_SPEC_CTRL
    rdmsr
    mov r14d, eax                       ; ring 3's or ring 0's
    SET_IBRS 1
    END_IF
    mov rdi, rsp
    call trap_ist
    IF_MITIGATED MITIGATION_IBRS
    mov ecx, MSR_SPEC_CTRL
    mov eax, r14d
    xor edx, edx
    wrmsr
    END_IF
    IF_MITIGATED MITIGATION_KPTI
    mov cr3, r13
    END_IF
    mov ecx, MSR_GS_BASE
    mov eax, ebx
    mov edx, r12d
    wrmsr
    POP_ALL
    iretq
.move:
    swapgs
    FENCE
    IF_MITIGATED MITIGATION_KPTI
    mov rax, [gs:CPU_KERNEL_CR3]
    mov cr3, rax
    END_IF
    mov rdi, [gs:CPU_STACK_TOP]
    sub rdi, FRAME_SIZE
    mov rsi, rsp
    mov rsp, rdi                        ; free: ring 3 was interrupted
    mov ecx, FRAME_SIZE / 8
    rep movsq
    mov rdi, rsp
    IF_MITIGATED MITIGATION_IBRS
    SET_IBRS 1
    END_IF
    TIMED_CALL trap
    mov rsp, rax
    jmp entry.to_user

; In:  rsp = a complete frame of ring 3 at the top of the syscall stack, GS = this CPU's block.
; Out: ring 3, by iretq, which takes any frame: a new thread's, another door's, an exception's. Should
;      the frame be one that iretq refuses, it faults right there, and trap() charges the thread.
global leave_frame
global leave_frame_iretq
leave_frame:
    IF_MITIGATED MITIGATION_IBRS
    SET_IBRS 0
    END_IF
    IF_MITIGATED MITIGATION_KPTI
    mov rcx, [gs:CPU_USER_CR3]
    mov cr3, rcx
    END_IF
    POP_ALL
    swapgs
leave_frame_iretq:
    iretq

section .rodata
global vector_entries
vector_entries:
%assign v 0
%rep 256
    dq vector_%+v
  %assign v v + 1
%endrep
