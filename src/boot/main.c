/* The table of contents: from the loader's hand to the first program. */

#include "boot/cmdline.h"
#include "boot/display.h"
#include "boot/end.h"
#include "boot/multiboot2.h"
#include "boot/ram.h"
#include "boot/banner.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/idt.h"
#include "cpu/mitigations.h"
#include "cpu/panic.h"
#include "cpu/regs.h"
#include "dev/channel.h"
#include "dev/console.h"
#include "dev/power.h"
#include "lib/random.h"
#include "mm/frames.h"
#include "smp/bringup.h"
#include "smp/cpus.h"
#include "smp/dump.h"
#include "smp/platform.h"
#include "smp/skew.h"
#include "smp/tables.h"
#include "sys/about.h"
#include "sys/lab.h"
#include "task/files.h"
#include "task/process.h"
#include "task/sched.h"
#include <asm/errno.h>

#define BOOT_INFO_MAX (1UL << 20) /* bytes of boot information that we look at */

_Noreturn void kernel_main(uint32_t information, uint64_t first_tsc);

static struct cpu early_block; /* until the real one is there: locks and faults want a GS base */
static struct boot_info boot;
static struct cmdline cmdline;

static void use_early_block(void)
{
    early_block.self = &early_block;
    wrmsr(MSR_GS_BASE, (uint64_t)&early_block);
}

static void parse_boot_info(uint32_t information)
{
    struct parse_error error;
    size_t most = BOOT_MAPPED - information;
    int bad = multiboot2_parse(phys_to_virt(information),
                               most < BOOT_INFO_MAX ? most : BOOT_INFO_MAX, &boot, &error);
    char screen[DISPLAY_VERDICT];
    display_find(&boot, information, !bad, screen);
    console_write(VERSION_LINE "\n", sizeof(VERSION_LINE));
    if (*screen)
        klog("boot", "%s", screen);
    if (bad) {
        klog("boot", "multiboot2 information: %s at byte %zu", error.what, error.offset);
        machine_refuse(STATUS_CANNOT_RUN);
    }
    if (boot.modules_dropped)
        klog("boot", "there is room for %d modules: %zu more are passed over", BOOT_MODULE_MAX,
             boot.modules_dropped);
}

static void parse_command_line(void)
{
    struct parse_error error;
    if (cmdline_parse(boot.command_line, &cmdline, &error)) {
        klog("boot", "command line: %s: %s", cmdline.culprit, error.what);
        machine_refuse(STATUS_CANNOT_RUN);
    }
}

/* The first that is not the font, if the boot menu gives none the name. */
static const struct boot_module *initramfs_module(void)
{
    const struct boot_module *named = boot_module(&boot, BOOT_MODULE_INITRAMFS);
    const struct boot_module *font = boot_module(&boot, BOOT_MODULE_FONT);
    if (named)
        return named;
    for (size_t i = 0; i < boot.module_count; i++)
        if (&boot.modules[i] != font)
            return &boot.modules[i];
    klog("boot", "no initramfs: the loader passed no such module");
    machine_refuse(STATUS_CANNOT_RUN);
}

static void find_initramfs(void)
{
    const struct boot_module *module = initramfs_module();
    const void *archive = phys_to_virt(module->start);
    size_t length = module->end - module->start, files;
    if (!length) {
        klog("boot", "no initramfs: the loader's module has nothing in it");
        machine_refuse(STATUS_CANNOT_RUN);
    }
    struct parse_error error;
    int bad = files_init(archive, length, &files, &error);
    if (bad == -ENOMEM)
        klog("boot", "initramfs: no memory for an index of its files");
    else if (bad)
        klog("boot", "initramfs: %s at byte %zu", error.what, error.offset);
    if (bad)
        machine_refuse(STATUS_CANNOT_RUN);
    klog("boot", "multiboot2 from %s, %zu MiB usable, initramfs %zu KiB, %zu files",
         boot.loader_name, frames_total() * PAGE_SIZE >> 20, length >> 10, files);
}

static void describe_cpu(void)
{
    char names[160];
    cpu_feature_names(names, sizeof(names));
    uint64_t mhz = (clock_tsc_khz() + 500) / 1000;
    klog("cpu", "%s, TSC %lu.%03lu GHz (%s, error %u ppm, %s)", cpu_brand(), mhz / 1000, mhz % 1000,
         clock_source(), clock_error_ppm(), clock_tsc_invariant() ? "invariant" : "not invariant");
    klog("cpu", "in force: %s", names);
    cpu_missing_names(names, sizeof(names));
    klog("cpu", "missing:%s", names);
    mitigations_describe(names, sizeof(names));
    klog("cpu", "mitigations: %s", names);
}

static void start_other_cpus(void)
{
    size_t count;
    const struct phys_range *in_use = ram_in_use(&count);
    smp_start(trampoline_place(&boot, in_use, count));
}

static void start_init(void)
{
    ram_describe();
    klog("init", "%s, %lu ms after the kernel's entry", cmdline.init, clock_boot_ns() / 1000000);
    machine_mark_start();
    int error = process_start_init(cmdline.init, cmdline.init_argv);
    if (error) {
        klog("init", "%s: %s", cmdline.init,
             error == -ENOENT   ? "not found in the initramfs"
             : error == -EACCES ? "not an executable file"
             : error == -ENOMEM ? "out of memory"
                                : "cannot be run");
        machine_refuse(error == -ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
    }
}

/* On the boot CPU, in long mode, on the boot page tables and the boot stack, with IF = 0. */
void kernel_main(uint32_t information, uint64_t first_tsc)
{
    use_early_block();
    console_init();
    channel_init();
    idt_init();
    idt_load(); /* from here on a fault is a panic, not a reset */
    parse_boot_info(information);
    cpu_features_detect();
    pic_mask(); /* the MADT may say that there is none: then nobody hears it */
    clock_init(first_tsc);
    parse_command_line();
    power_set_choice(cmdline.poweroff);
    mitigations_decide(cmdline.mitigations);
    idt_open_door(); /* int 0x80, by the door that the mitigations want */
    ram_take(&boot, information);
    ram_map(); /* W^X, the direct map */
    display_map();
    find_initramfs();
    acpi_init(&boot);
    if (cmdline.acpi_dump)
        acpi_dump();
    platform_init();        /* what the FADT says */
    platform_start_clock(); /* until here time stands still, but where CPUID told the TSC's rate */
    smp_find_cpus(cmdline.apic, cmdline.max_cpus, cmdline.nosmp); /* blocks and stacks for all */
    ram_account("CPUs");
    cpu_init(cpu_block(0)); /* GDT, TSS, features, doors: what every CPU runs */
    describe_cpu();
    random_init();
    (void)apic_enable(); /* as apic_init left it */
    apic_timer_calibrate();
    platform_prepare_power();
    start_other_cpus();
    skew_measure(); /* do all tell the same time? */
    klog("sys", "doors open: " ENTRY_NAME);
    lab_init(cmdline.lab);
    about_init(cmdline.lab);
    start_init();
    sched_enter();
}
