// reboot(2): without an argument what it refuses; with `off`, `restart` or `halt` the machine goes,
// while other processes are at work on all CPUs: some write to the console, some compute, one has left
// a line unfinished.

#define _GNU_SOURCE
#include <linux/reboot.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

#define WORKERS    6
#define PATIENCE_S 60

static void test_refusals(void)
{
    is(sys(reboot, LINUX_REBOOT_MAGIC1 + 1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART), -EINVAL,
       "a wrong first magic is EINVAL");
    is(sys(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2 + 1, LINUX_REBOOT_CMD_POWER_OFF),
       -EINVAL, "a wrong second magic is EINVAL");
    is(sys(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 0x12345678), -EINVAL,
       "an unknown command is EINVAL");
}

static int cpus_of(pid_t pid)
{
    cpu_set_t set;
    return sched_getaffinity(pid, sizeof(set), &set) ? -1 : CPU_COUNT(&set);
}

/* Processes share no memory here: that it is at work is told by its affinity to one CPU. */
static void work(int number)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(number % cpus_of(0), &one);
    if (number % 2)
        write(1, "# at work\n", 10);
    sched_setaffinity(0, sizeof(one), &one);
    for (;;)
        if (number % 2)
            write(1, "# still at work\n", 16);
}

static int leave(unsigned command)
{
    static const unsigned second[] = {LINUX_REBOOT_MAGIC2, LINUX_REBOOT_MAGIC2A,
                                      LINUX_REBOOT_MAGIC2B, LINUX_REBOOT_MAGIC2C};
    static const char at_work[] = "# all are at work\na line without an end";
    pid_t workers[WORKERS];

    for (int i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] < 0)
            return 1;
        if (workers[i] == 0)
            work(i);
    }
    time_t start = time(NULL);
    for (int i = 0; i < WORKERS; i++)
        while (cpus_of(workers[i]) != 1)
            if (time(NULL) - start > PATIENCE_S)
                return 1;
    write(1, at_work, sizeof(at_work) - 1);
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
