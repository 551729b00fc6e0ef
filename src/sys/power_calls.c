/* Leaving the machine on a program's wish. */

#include "boot/end.h"
#include "cpu/cpu.h"
#include "sys/table.h"
#include "task/process.h"
#include "task/thread.h"
#include <asm/errno.h>
#include <linux/reboot.h>

static bool is_magic(uint32_t first, uint32_t second)
{
    return first == LINUX_REBOOT_MAGIC1 &&
           (second == LINUX_REBOOT_MAGIC2 || second == LINUX_REBOOT_MAGIC2A ||
            second == LINUX_REBOOT_MAGIC2B || second == LINUX_REBOOT_MAGIC2C);
}

/* There is nothing to sync. Ctrl-Alt-Del, kexec and suspending are not ours. */
long sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t command)
{
    const char *program = this_cpu->current->process->name;
    if (!is_magic(magic1, magic2))
        return -EINVAL;
    switch (command) {
    case LINUX_REBOOT_CMD_POWER_OFF:
        machine_leave(MACHINE_POWER_OFF, program);
    case LINUX_REBOOT_CMD_RESTART:
        machine_leave(MACHINE_RESTART, program);
    case LINUX_REBOOT_CMD_HALT:
        machine_leave(MACHINE_HALT, program);
    default:
        return -EINVAL;
    }
}
