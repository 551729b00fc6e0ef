; From GRUB to C: the multiboot2 header, and the way from 32-bit protected mode to long mode in the
; upper half (SDM vol. 3, 10.8.5 "Initializing IA-32e Mode").

%include "asm-offsets.inc"

CPUID_BASICS            equ 1 << 4 | 1 << 5 | 1 << 6 | 1 << 15
MULTIBOOT2_MAGIC        equ 0xe85250d6  ; Multiboot2 specification, 3.1.1
MULTIBOOT2_ARCH_I386    equ 0
MULTIBOOT2_LOADER_MAGIC equ 0x36d76289  ; 3.3, in eax on entry

section .multiboot2 progbits alloc noexec nowrite align=8
header:
    dd MULTIBOOT2_MAGIC, MULTIBOOT2_ARCH_I386, header_end - header
    dd 0x100000000 - (MULTIBOOT2_MAGIC + MULTIBOOT2_ARCH_I386 + (header_end - header))
    dw 6, 1                             ; modules page-aligned; optional
    dd 8
    dw 4, 1                             ; consoles: text mode will do, and so will
    dd 12, 2
    align 8, db 0
    dw 5, 1                             ; a framebuffer of any size, 32 bits a pixel if there is a choice
    dd 20, 0, 0, 32
    align 8, db 0
    dw 0, 0                             ; end tag
    dd 8
header_end:

; The first page tables: the first 4 GiB in 2-MiB pages, seen at 0, at the direct map, and (the first
; GiB) at the kernel's link address. The boot CPU leaves them in paging_init; the other CPUs pass
; through them on their way up.
section .boot.bss nobits alloc write align=4096
global boot_pml4
boot_pml4:      resb 4096
low_pdpt:       resb 4096
high_pdpt:      resb 4096
page_dirs:      resb 4 * 4096

section .boot.data progbits alloc write align=8
boot_gdt:
    dq 0
    dq 0x00af9a000000ffff               ; 0x08: 64-bit code, the kernel's selector for good
boot_gdt_end:
boot_gdt_pointer:
    dw boot_gdt_end - boot_gdt - 1
    dd boot_gdt
first_tsc:      dq 0
no_basics:      db "sallyport: this CPU has no TSC, MSRs, PAE or CMOV (CPUID 1h EDX bits 4, 5, 6, 15), or they are turned off: not supported", 0
no_multiboot2:  db "sallyport: not started by a multiboot2 loader", 0
no_long_mode:   db "sallyport: this CPU has no long mode (CPUID 80000001h EDX.LM): it cannot run a 64-bit kernel", 0
no_nx:          db "sallyport: this CPU has no NX bit (CPUID 80000001h EDX.NX), or the firmware turned it off", 0

section .boot.text progbits alloc exec nowrite align=16
bits 32

; In:  eax = the loader's magic, ebx = physical address of the multiboot2 information.
;      Protected mode, flat segments, paging off, IF = 0, no stack (Multiboot2, 3.3).
; Out: kernel_main(information, TSC at entry, once long mode is known) on the boot stack; never returns.
global boot_entry
boot_entry:
    cld
    mov esp, page_dirs + 4096           ; in pages that are filled only later
    mov esi, no_multiboot2
    cmp eax, MULTIBOOT2_LOADER_MAGIC
    jne refuse
    mov ebp, ebx                        ; cpuid destroys ebx
    xor eax, eax
    mov dr7, eax                        ; without an IDT, a breakpoint that was left is a shutdown

    mov esi, no_long_mode
    pushfd                              ; a CPU whose EFLAGS.ID cannot be changed has no CPUID
    pop eax                             ; (SDM vol. 1, 20.1)
    mov ecx, eax
    xor eax, 1 << 21
    push eax
    popfd
    pushfd
    pop eax
    cmp eax, ecx
    je refuse
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb refuse
    mov eax, 0x80000001
    cpuid
    bt edx, 29                          ; LM
    jnc refuse
    mov edi, edx
    mov esi, no_basics                  ; what the way to C is made of, and what the compiler takes for
    mov eax, 1                          ; granted: all CPUs with long mode have it
    cpuid
    and edx, CPUID_BASICS
    cmp edx, CPUID_BASICS
    jne refuse
    mov ebx, edi
    rdtsc
    mov [first_tsc], eax
    mov [first_tsc + 4], edx
    bt ebx, 20                          ; NX
    jc .nx
    call turn_nx_on
    mov esi, no_nx
    jnc refuse
.nx:
    ; What else must be there is asked for in cpu_features_detect.

    mov dword [boot_pml4], low_pdpt + 3
    mov dword [boot_pml4 + PML4_DIRECT_MAP * 8], low_pdpt + 3
    mov dword [boot_pml4 + 511 * 8], high_pdpt + 3
    mov dword [high_pdpt + 510 * 8], page_dirs + 3
    mov edi, page_dirs
    mov eax, 0x83                       ; present, writable, 2 MiB
.page:
    mov [edi], eax
    mov dword [edi + 4], 0
    add edi, 8
    add eax, 0x200000
    jnc .page                           ; wraps after 4 GiB
    mov eax, page_dirs + 3
    xor edi, edi
.directory:
    mov [low_pdpt + edi * 8], eax
    add eax, 4096
    inc edi
    cmp edi, 4
    jne .directory

    mov eax, boot_pml4
    mov cr3, eax
    mov eax, CR4_PAE
    mov cr4, eax
    mov ecx, MSR_EFER
    mov eax, EFER_LME | EFER_NXE
    xor edx, edx
    wrmsr
    mov eax, CR0_BOOT
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    jmp 0x08:long_mode

; Out: CF: this CPU has NX after all. Intel CPUs have a switch that firmware may have left off,
;      IA32_MISC_ENABLE bit 34 (SDM vol. 4, table 2-2); others have no such register. Clobbers eax to
;      edx.
turn_nx_on:
    xor eax, eax
    cpuid
    cmp ebx, "Genu"
    jne .no
    cmp edx, "ineI"
    jne .no
    mov ecx, MSR_MISC_ENABLE
    rdmsr
    and edx, ~MISC_ENABLE_NO_NX_HIGH
    wrmsr
    mov eax, 0x80000001
    cpuid
    bt edx, 20
    ret
.no:
    clc
    ret

; In: esi = a sentence. Says it on the first serial port and on the text screen, and ends the machine:
; by QEMU's exit device where there is one (the verdict of src/dev/power.h), else by halting.
refuse:
    mov edi, 0xb8000
    mov ecx, 80 * 25
    mov ax, 0x0720                      ; grey on black, blank
    rep stosw
    mov edi, 0xb8000
.character:
    lodsb
    test al, al
    jz .newline
    mov ah, 0x0f
    stosw
    call .send
    jmp .character
.newline:
    mov al, 10
    call .send
    mov dx, 0xf4
    mov al, EXIT_FAIL
    out dx, al
.halt:
    cli
    hlt
    jmp .halt
.send:                                  ; al to COM1; a port that never gets ready is passed over
    mov ah, al
    mov dx, 0x3fd
    mov ecx, 100000
.ready:
    in al, dx
    test al, 0x20                       ; transmitter holding register empty
    loopz .ready
    mov al, ah
    mov dx, 0x3f8
    out dx, al
    ret

bits 64
long_mode:
    xor eax, eax
    mov ss, eax                         ; null selectors: long mode checks neither base nor limit
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov edi, ebp
    mov rsi, [abs first_tsc]
    mov rax, upper_half
    jmp rax

section .text
extern kernel_main
upper_half:
    lgdt [gdt_pointer]                  ; the first one's address goes with the first page tables
    mov rsp, boot_stack_top
    xor ebp, ebp                        ; where backtraces end
    call kernel_main
    ud2

section .rodata
align 8
gdt:
    dq 0
    dq 0x00af9b000000ffff               ; KERNEL_CS, as before; accessed, as nothing writes here
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dq gdt

section .bss
align 16
boot_stack:     resb 16384
boot_stack_top:
