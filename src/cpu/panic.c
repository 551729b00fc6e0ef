/* The last words. */

#include "cpu/panic.h"
#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "cpu/symbols.h"
#include "dev/console.h"
#include "dev/power.h"
#include "lib/format.h"
#include "smp/ipi.h"
#include <stdatomic.h>

#define BACKTRACE_MAX 32

static _Atomic uint32_t panicking; /* 1 + index of the CPU that panics */
static _Atomic uint32_t stopping;  /* of the one that stopped the others for another reason */

extern char text_start[], text_end[];

static void print_address(uint64_t address)
{
    uint64_t offset;
    const char *name = symbol_at(address, &offset);
    if (name)
        klog("panic", "  %016lx %s+0x%lx", address, name, offset);
    else
        klog("panic", "  %016lx", address);
}

/* Follows the chain of saved rbp (-fno-omit-frame-pointer), as long as it climbs within one of this
 * CPU's stacks: a corrupt chain must not fault. */
static void print_backtrace(uint64_t rip, uint64_t rbp)
{
    print_address(rip);
    for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
        bool early = rbp >= (uint64_t)text_start && !this_cpu->stack_top;
        uint64_t in_cpu_area = rbp - (PER_CPU_BASE + this_cpu->index * CPU_STRIDE);
        /* Not across a stack's end either: its top word is not a frame. */
        if (rbp % 8 || (!early && (in_cpu_area >= CPU_BLOCK_OFFSET ||
                                   (rbp & ~PAGE_MASK) > PAGE_SIZE - 2 * sizeof(uint64_t))))
            return;
        const uint64_t *link = (const uint64_t *)rbp;
        if (link[1] < (uint64_t)text_start || link[1] >= (uint64_t)text_end)
            return;
        print_address(link[1]);
        if (link[0] <= rbp) /* ring 3's, at the doors */
            return;
        rbp = link[0];
    }
}

void panic_stop_if_asked(void)
{
    uint32_t by = panicking ? panicking : stopping;
    if (!by || by == this_cpu->index + 1)
        return;
    this_cpu->self->stopped = 1;
    halt_forever();
}

unsigned stop_other_cpus(void)
{
    stopping = this_cpu->index + 1;
    return ipi_stop_others();
}

static void begin(const char *format, va_list args)
{
    uint32_t nobody = 0;
    if (!atomic_compare_exchange_strong(&panicking, &nobody, this_cpu->index + 1)) {
        if (nobody == this_cpu->index + 1) { /* a fault while panicking: say no more */
            console_seize();                 /* the lock may be held by this very CPU */
            power_off(EXIT_PANIC);
        }
        this_cpu->self->stopped = 1;
        halt_forever();
    }
    unsigned silent = ipi_stop_others();
    console_seize();
    char text[200];
    vformat(text, sizeof(text), format, args);
    klog("panic", "CPU %u: %s", this_cpu->index, text);
    if (silent)
        klog("panic", "%u other CPUs did not stop", silent);
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    begin(format, args);
    va_end(args);
    print_backtrace((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0));
    power_off(EXIT_PANIC);
}

void panic_at(const struct trap_frame *frame, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    begin(format, args);
    va_end(args);
    klog_registers("panic", frame);
    klog("panic", "cr2 %016lx cr3 %016lx cr4 %016lx", read_cr2(), read_cr3(), read_cr4());
    print_backtrace(frame->rip, frame->rbp);
    power_off(EXIT_PANIC);
}

void klog_registers(const char *subsystem, const struct trap_frame *f)
{
    klog(subsystem, "rip %016lx cs %04lx rflags %08lx rsp %016lx ss %04lx", f->rip, f->cs,
         f->rflags, f->rsp, f->ss);
    klog(subsystem, "rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
    klog(subsystem, "rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
    klog(subsystem, "r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11, f->r12);
    klog(subsystem, "r13 %016lx r14 %016lx r15 %016lx error %lx", f->r13, f->r14, f->r15,
         f->orig_rax);
}
