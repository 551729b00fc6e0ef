; The way of every CPU but the first from real mode to C (SDM vol. 3, 9.4.4 "MP Initialization Example").
; The code is copied to a page below 1 MiB, whose number the start-up IPI carries; all CPUs may run it at
; the same time, for it writes nothing. The two addresses in it are offsets in the page until smp_start has
; added where the page lies.

%include "asm-offsets.inc"

extern boot_pml4, ap_main, ap_block_count, kernel_pml4_address, apic_registers

APIC_ID equ 0x20                        ; a register's offset (SDM vol. 3, table 11-1)

section .rodata

; In:  real mode, cs = the page's segment, ip = 0; IF = 0.
; Out: ap_entry in the upper half, long mode, on boot_pml4, no stack.
global trampoline_start
trampoline_start:
bits 16
    cli
    cld
    mov ax, cs
    mov ds, ax
    lgdt [gdt_pointer - trampoline_start]
    lidt [no_idt - trampoline_start]    ; INIT leaves real mode's, at 0; now, and until idt_load, an
                                        ; exception is a shutdown (SDM vol. 3, 6.15, #DF)

    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, [boot_tables - trampoline_start]
    mov cr3, eax
    mov eax, 0x80000001                 ; NX is there, for the boot CPU has it; but on Intel's each CPU
                                        ; has a switch for it (boot/entry.asm, turn_nx_on)
    cpuid
    bt edx, 20
    jc .nx
    mov ecx, MSR_MISC_ENABLE
    rdmsr
    and edx, ~MISC_ENABLE_NO_NX_HIGH
    wrmsr
.nx:
    mov ecx, MSR_EFER
    mov eax, EFER_LME | EFER_NXE
    xor edx, edx
    wrmsr
    mov eax, CR0_BOOT                   ; protection and paging at once: long mode
    mov cr0, eax
    jmp far dword [trampoline_long_mode - trampoline_start]
bits 64
long_mode:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov rax, [rel entry_address]
    jmp rax

align 8
gdt:
    dq 0
    dq 0x00af9b000000ffff               ; KERNEL_CS: 64-bit code; accessed, as nothing writes here
gdt_end:
no_idt:
    dw 0                                ; limit: no gate lies below it
    dd 0
gdt_pointer:
    dw gdt_end - gdt - 1
global trampoline_gdt, trampoline_long_mode
trampoline_gdt:
    dd gdt - trampoline_start
trampoline_long_mode:                   ; a far pointer
    dd long_mode - trampoline_start
    dw KERNEL_CS
boot_tables:
    dd boot_pml4
align 8
entry_address:
    dq ap_entry
global trampoline_end
trampoline_end:

section .text

; In:  long mode, boot_pml4 loaded, no stack.
; Out: ap_main(block) on this CPU's syscall stack, on the kernel's page tables; or, where no block carries
;      its APIC id or the CPU was given up meanwhile, halted for good, never having had a stack.
;
; The id is the APIC's own, for firmware may have changed it since reset, and CPUID tells that of reset. Only
; where this APIC is not in x2APIC mode, but will be, CPUID is asked: the id of x2APIC mode is read-only, and
; the one that CPUID tells (SDM vol. 3, 11.12.8.1).
ap_entry:
    mov rax, [kernel_pml4_address]
    mov cr3, rax
    mov ecx, MSR_APIC_BASE
    rdmsr
    test eax, APIC_BASE_X2
    jnz .x2apic
    mov rdi, [apic_registers]           ; NULL: this APIC is to enter x2APIC mode later
    test rdi, rdi
    jz .cpuid
    mov esi, [rdi + APIC_ID]
    shr esi, 24
    jmp .have_id
.x2apic:
    mov ecx, MSR_X2APIC + APIC_ID / 16
    rdmsr
    mov esi, eax
    jmp .have_id
.cpuid:
    mov eax, 1
    cpuid
    shr ebx, 24                         ; initial APIC id (SDM vol. 2, CPUID leaf 1)
    mov esi, ebx
    xor eax, eax
    cpuid
    cmp eax, 11
    jb .have_id
    mov eax, 11                         ; leaf 0bh gives all 32 bits of it, where it is implemented
    xor ecx, ecx
    cpuid
    test ebx, ebx
    jz .have_id
    mov esi, edx
.have_id:
    mov rdi, PER_CPU_BASE + CPU_BLOCK_OFFSET
    mov ecx, [ap_block_count]
.search:
    test ecx, ecx
    jz .park
    cmp [rdi + CPU_APIC_ID], esi
    je .found
    add rdi, CPU_STRIDE
    dec ecx
    jmp .search
.found:
    mov eax, CPU_STATE_STARTING         ; taken once: not by a CPU that was given up, nor by two that
    mov edx, CPU_STATE_RUNNING          ; claim one id
    lock cmpxchg [rdi + CPU_STATE], edx
    jne .park
    mov rsp, [rdi + CPU_STACK_TOP]
    sub rsp, FRAME_SIZE                 ; C's part
    xor ebp, ebp
    call ap_main
.park:
    cli
    hlt
    jmp .park
