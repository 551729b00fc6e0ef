// bench: measures what the doors cost and why, and writes a record of every measurement. The same
// file runs on Sallyport, as a program on Linux, and as Linux's init.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpu.h"

struct bench bench;

static const struct part {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"clock", bench_clock}, {"crossing", bench_crossing}, {"ladder", bench_ladder},
    {"ways", bench_ways},   {"scale", bench_scale},       {"calls", bench_calls},
};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static int usage(const char *what, const char *which)
{
    if (what)
        fprintf(stderr, "bench: %s %s\n", what, which);
    fprintf(
        stderr,
        "usage: bench [--exact] [--only PART[,PART]...] [--record PATH|-] [--host KEY=VALUE]...\n"
        "  --exact   count instructions; needs QEMU's -icount shift=0,sleep=off\n"
        "  --only    of clock, crossing, ladder, ways, scale, calls\n"
        "  --record  where records go [/dev/ttyS1]; -: to stdout, with `record: ' in front\n"
        "  --host    what only the host knows, as in qemu=7.2.22\n");
    return 2;
}

static int fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    return 1;
}

// Adds the parts that are named; false: *unknown is none.
static bool choose(char *list, bool chosen[PARTS], const char **unknown)
{
    for (char *name; (name = strsep(&list, ","));) {
        unsigned i = 0;
        while (i < PARTS && strcmp(name, parts[i].name) != 0)
            i++;
        *unknown = name;
        if (i == PARTS)
            return false;
        chosen[i] = true;
    }
    return true;
}

static bool find_cpus(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return false;
    bench.cpus = calloc((size_t)CPU_COUNT(&allowed), sizeof(int));
    for (int cpu = 0; bench.cpus && cpu < CPUS_MOST; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            bench.cpus[bench.cpu_count++] = cpu;
    return bench.cpu_count > 0;
}

static int run(int argc, char **argv)
{
    const char *record = "/dev/ttyS1", *unknown = "";
    bool chosen[PARTS] = {false}, all = true;
    for (int i = 1; i < argc; i++) {
        char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(option, "--exact") == 0) {
            bench.exact = true;
            continue;
        }
        bool known = strcmp(option, "--only") == 0 || strcmp(option, "--record") == 0 ||
                     strcmp(option, "--host") == 0;
        if (!known || !value)
            return usage(known ? "no value after" : "unknown option", option);
        i++;
        char *is = strchr(value, '=');
        if (option[2] == 'r') {
            record = value;
        } else if (option[2] == 'o') {
            all = false;
            if (!choose(value, chosen, &unknown))
                return usage("no part is called", unknown);
        } else if (is && is != value) {
            *is = 0;
            machine_host(value, is + 1);
        } else {
            return usage("not KEY=VALUE:", value);
        }
    }

    bench.doors = doors_find();
    if (!bench.doors.open[DOOR_INT] && !bench.doors.open[DOOR_SYSCALL])
        return fail("uname -v does not say which doors are open");
    if (!loops_are_alike())
        return fail("the loops are not alike");
    if (!find_cpus() || !pin(bench.cpus[0]))
        return fail("no list of CPUs, or the thread cannot be pinned");
    bench.cpu = bench.cpus[0];
    bench.has_rdtscp = cpu_has_rdtscp();
    bench.lab = bench.doors.one_table;
    bench.lab = interrupts(any_door()) >= 0;
    if (bench.exact && !clock_counts_instructions())
        return fail("not under -icount shift=0,sleep=off: these are ticks, not instructions");
    if (!machine_find())
        return fail("the TSC's rate cannot be found, or the machine's description is too long");
    if (!record_open(record))
        printf("bench: %s cannot be opened (%s); records follow here\n", record, strerror(errno));

    printf("bench: %s\n", machine_line());
    for (unsigned i = 0; i < PARTS; i++) {
        if (!all && !chosen[i])
            continue;
        printf("bench: %s\n", parts[i].name);
        fflush(stdout);
        parts[i].run();
    }
    record_close();
    return 0;
}

// As init nobody has prepared anything: /dev is empty, and then stdout may lead nowhere.
static void prepare_linux(void)
{
    if (access("/dev/ttyS1", F_OK) != 0) {
        mkdir("/dev", 0755);
        if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) != 0)
            printf("bench: devtmpfs on /dev: %s\n", strerror(errno));
    }
    if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
        for (int fd = open("/dev/console", O_RDWR); fd >= 0 && fd < STDERR_FILENO;)
            fd = dup(fd);
}

int main(int argc, char **argv)
{
    struct utsname name;
    bool linux_init = getpid() == 1 && uname(&name) == 0 && strcmp(name.sysname, "Linux") == 0;
    if (linux_init)
        prepare_linux();
    int status = run(argc, argv);
    fflush(stdout);
    if (linux_init) {
        printf("bench: status %d\n", status);
        fflush(stdout);
        sync();
        reboot(RB_POWER_OFF);
    }
    return status;
}
