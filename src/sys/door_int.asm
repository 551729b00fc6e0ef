; The first door: int 0x80, through the IDT gate of vector 0x80 (DPL 3, an interrupt gate).

%include "asm-offsets.inc"
%include "cpu/mitigations.inc"
%include "sys/frame.inc"

extern dispatch, dispatch_unmasked, leave_slow, leave_slow_saved, irqsoff_end

section .entry.text

; In:   by the gate (SDM vol. 3, 6.14): CPL 3 -> 0; rsp = this CPU's syscall stack (TSS.RSP0), with ss,
;       rsp, rflags, cs and rip of ring 3 pushed; IF, TF, NT, RF = 0; all else as ring 3 left it: GS base
;       is ring 3's, DF and AC are unknown.
;       eax = call number, rdi rsi rdx r10 r8 r9 = arguments.
; Out:  by iretq to the next instruction: rax = result, every other register and rflags as they were;
;       or, with work pending, through leave_slow.
; The gate admits int 0x80 from ring 3 only in practice: ring 0 never issues it, so swapgs needs no test.
global door_int
global door_int_iretq
%assign VARIANT 0
%rep DOOR_VARIANTS
VARIANT_LABEL door_int
    swapgs
%ifndef FAULT_kept_ac
    CLAC                                ; an interrupt gate keeps AC: ring 3 could open user memory
%endif
    cld                                 ; C expects DF = 0
    push rax                            ; orig_rax
    PUSH_CALLER_SAVED
    ENTER_KERNEL

    call DISPATCH

    cmp dword [gs:CPU_WORK], 0
    jne LEAVE_SLOW

    LEAVE_KERNEL
    POP_CALLER_SAVED
%ifdef FAULT_unrestored_register
    mov r10d, r10d
%endif
    add rsp, 8                          ; orig_rax
    swapgs
  %if VARIANT == 0
door_int_iretq:
  %endif
    iretq
%assign VARIANT VARIANT + 1
%endrep
VARIANT_TABLE door_int
