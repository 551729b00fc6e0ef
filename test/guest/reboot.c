// reboot(2): without an argument what it refuses; with `off`, `restart` or `halt` the machine goes,
// while other processes are at work: some write to the console, some compute, one has left a line
// unfinished.

#include <linux/reboot.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

#define WORKERS 6

static void test_refusals(void)
{
    is(sys(reboot, LINUX_REBOOT_MAGIC1 + 1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART), -EINVAL,
       "a wrong first magic is EINVAL");
    is(sys(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2 + 1, LINUX_REBOOT_CMD_POWER_OFF),
       -EINVAL, "a wrong second magic is EINVAL");
    is(sys(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 0x12345678), -EINVAL,
       "an unknown command is EINVAL");
}

static void work(int number)
{
    for (;;)
        if (number % 2)
            write(1, "# still at work\n", 16);
}

static int leave(unsigned command)
{
    static const unsigned second[] = {LINUX_REBOOT_MAGIC2, LINUX_REBOOT_MAGIC2A,
                                      LINUX_REBOOT_MAGIC2B, LINUX_REBOOT_MAGIC2C};
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0)
            work(i);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    write(1, "a line without an end", 21);
    sys(reboot, LINUX_REBOOT_MAGIC1, second[getpid() % 4], command);
    write(1, "\nthe machine is still there\n", 28);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "off"))
        return leave(LINUX_REBOOT_CMD_POWER_OFF);
    if (argc > 1 && !strcmp(argv[1], "restart"))
        return leave(LINUX_REBOOT_CMD_RESTART);
    if (argc > 1 && !strcmp(argv[1], "halt"))
        return leave(LINUX_REBOOT_CMD_HALT);
    plan(3);
    test_refusals();
    return done();
}
