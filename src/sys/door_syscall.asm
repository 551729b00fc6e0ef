; The second door: syscall, through LSTAR, STAR and SFMASK.

%include "asm-offsets.inc"
%include "sys/frame.inc"

extern dispatch, dispatch_unmasked, leave_slow, leave_slow_saved, irqsoff_end

section .entry.text

; In:   by the instruction (SDM vol. 2, SYSCALL): CPL 3 -> 0; rcx = rip of ring 3, r11 = its rflags,
;       rflags masked by SFMASK: IF, DF, TF, AC, NT and the rest = 0; rsp is still ring 3's, and so is
;       the GS base. Nothing is on any stack.
;       eax = call number, rdi rsi rdx r10 r8 r9 = arguments.
; Out:  by sysretq to rcx with rflags = r11, the two that syscall brought in; rax = result, every other
;       register as it was; or, with work pending, through leave_slow, which ends in iretq.
; Between the first instruction and the load of rsp, an NMI, #DB or #MC strikes with ring 3's stack in
; rsp: their IST stacks are for that (sys/vectors.asm).
global door_syscall
%assign VARIANT 0
%rep DOOR_VARIANTS
VARIANT_LABEL door_syscall
    swapgs
    mov [gs:CPU_USER_RSP], rsp
    mov rsp, [gs:CPU_STACK_TOP]
    push USER_SS                        ; the frame that the gate would have pushed
    push qword [gs:CPU_USER_RSP]
    push r11
    push USER_CS
    push rcx
    push rax                            ; orig_rax
    PUSH_CALLER_SAVED
    ENTER_KERNEL

    call DISPATCH

    cmp dword [gs:CPU_WORK], 0
    jne LEAVE_SLOW

    ; Nothing on this path writes the frame, so rcx and r11 are what syscall brought in: rcx follows a
    ; syscall instruction below USER_END and is canonical. (On Intel, sysretq to a non-canonical rcx
    ; would fault in ring 0 on ring 3's stack.)
    LEAVE_KERNEL
    POP_CALLER_SAVED
    mov rsp, [rsp + FRAME_RSP - FRAME_ORIG_RAX]
    swapgs
    o64 sysret
%assign VARIANT VARIANT + 1
%endrep
VARIANT_TABLE door_syscall
