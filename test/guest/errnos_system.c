// What uname, sysinfo, getrandom, prlimit64, arch_prctl, getcpu and the sched_ calls answer to bad
// input.

#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <string.h>

#include "pointers.h"

#define NOBODY 0x7ffffff0 /* no process has this id */

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };

static void test_uname_and_sysinfo(void)
{
    char names[390];
    struct sysinfo info;

    faults_on_write(sys(uname, bad), "uname into a bad buffer is EFAULT");
    is(sys(uname, edge(389)), -EFAULT, "uname over an edge is EFAULT");
    is(sys(uname, edge(390)), 0, "uname fills 390 bytes and no more");
    is(sys(uname, names), 0, "uname succeeds");
    ok(strcmp(names + 4L * 65, "x86_64") == 0, "the machine is x86_64");
    faults_on_write(sys(sysinfo, bad), "sysinfo into a bad buffer is EFAULT");
    is(sys(sysinfo, edge(111)), -EFAULT, "sysinfo over an edge is EFAULT");
    is(sys(sysinfo, edge(112)), 0, "sysinfo fills 112 bytes and no more");
    is(sys(sysinfo, &info), 0, "sysinfo succeeds");
    ok(info.totalram > info.freeram && info.freeram > 0 && info.mem_unit > 0 && info.procs > 0,
       "sysinfo tells of some memory, free and used, and of a process");
}

static void test_getrandom(void)
{
    unsigned char bytes[256] = {0}, seen = 0;

    faults_on_write(sys(getrandom, bad, 16, 0), "getrandom into a bad buffer is EFAULT");
    is(sys(getrandom, bytes, 16, 8), -EINVAL, "getrandom with an unknown flag is EINVAL");
    is(sys(getrandom, bytes, 16, -1), -EINVAL, "getrandom with all flags is EINVAL");
    is(sys(getrandom, bytes, 16, 2 | 4), -EINVAL, "both random and insecure is EINVAL");
    is(sys(getrandom, NULL, 0, 0), 0, "getrandom of no bytes needs no buffer");
    is(sys(getrandom, edge(16), 32, 0), 16, "getrandom over an edge gives what fits");
    is(sys(getrandom, bytes, 256, 0), 256, "getrandom gives 256 bytes");
    for (int i = 0; i < 256; i++)
        seen |= bytes[i];
    is(seen, 255, "every bit is set in some of 256 random bytes");
}

static void test_prlimit(void)
{
    struct rlimit limit, backwards = {10, 9};

    is(sys(prlimit64, 0, RLIMIT_STACK, NULL, &limit), 0, "prlimit64 tells the stack's limit");
    ok(limit.rlim_cur >= 65536 && limit.rlim_cur <= limit.rlim_max,
       "the stack may grow to 64 KiB or more, and not beyond its hard limit");
    is(sys(prlimit64, 0, 16, NULL, &limit), -EINVAL, "prlimit64 of resource 16 is EINVAL");
    is(sys(prlimit64, 0, -1, NULL, &limit), -EINVAL, "prlimit64 of resource -1 is EINVAL");
    is(sys(prlimit64, NOBODY, RLIMIT_STACK, NULL, &limit), -ESRCH,
       "prlimit64 of no process is ESRCH");
    is(sys(prlimit64, 0, RLIMIT_CORE, &backwards, NULL), -EINVAL,
       "a soft limit above the hard one is EINVAL");
    faults(sys(prlimit64, 0, RLIMIT_CORE, bad ? bad : (void *)1, NULL),
           "prlimit64 from a bad address is EFAULT");
    faults_on_write(sys(prlimit64, 0, RLIMIT_CORE, NULL, bad ? bad : (void *)1),
                    "prlimit64 into a bad address is EFAULT");
}

static void test_arch_prctl(void)
{
    unsigned long base = 0;

    is(sys(arch_prctl, 0x9999, 0), -EINVAL, "arch_prctl of an unknown code is EINVAL");
    is(sys(arch_prctl, -1, 0), -EINVAL, "arch_prctl of code -1 is EINVAL");
    faults_on_write(sys(arch_prctl, ARCH_GET_FS, bad), "ARCH_GET_FS into bad is EFAULT");
    faults_on_write(sys(arch_prctl, ARCH_GET_GS, bad), "ARCH_GET_GS into bad is EFAULT");
    is(sys(arch_prctl, ARCH_SET_FS, 0xffff800000000000), -EPERM,
       "an FS base in the kernel half is EPERM");
    is(sys(arch_prctl, ARCH_SET_FS, 1L << 47), -EPERM, "a non-canonical FS base is EPERM");
    is(sys(arch_prctl, ARCH_SET_GS, -1), -EPERM, "a GS base in the kernel half is EPERM");
    is(sys(arch_prctl, ARCH_SET_GS, 0x12345678), 0, "a GS base in user space is taken");
    is(sys(arch_prctl, ARCH_GET_GS, &base), 0, "ARCH_GET_GS succeeds");
    is(base, 0x12345678, "ARCH_GET_GS gives what was set");
    is(sys(arch_prctl, ARCH_GET_FS, &base), 0, "ARCH_GET_FS succeeds");
    ok(base == *(unsigned long *)base, "the FS base is the thread's block, which names itself");
}

static void test_sched(void)
{
    unsigned long mask[128] = {0}, none[128] = {0};
    long size = sys(sched_getaffinity, 0, sizeof(mask), mask);

    ok(size >= 8 && size % 8 == 0, "sched_getaffinity tells how many bytes it wrote");
    is(sys(sched_getaffinity, 0, 0, mask), -EINVAL, "a mask of 0 bytes is EINVAL");
    is(sys(sched_getaffinity, 0, size + 1, mask), -EINVAL, "a mask of odd size is EINVAL");
    is(sys(sched_getaffinity, NOBODY, size, mask), -ESRCH, "affinity of no thread is ESRCH");
    is(sys(sched_getaffinity, -1, size, mask), -ESRCH, "affinity of thread -1 is ESRCH");
    faults_on_write(sys(sched_getaffinity, 0, size, bad), "sched_getaffinity into bad is EFAULT");
    is(sys(sched_setaffinity, 0, size, none), -EINVAL, "affinity to no CPU is EINVAL");
    is(sys(sched_setaffinity, 0, 0, mask), -EINVAL, "affinity from 0 bytes is EINVAL");
    none[127] = 1UL << 63;
    is(sys(sched_setaffinity, 0, sizeof(none), none), -EINVAL,
       "affinity to a CPU that is not there is EINVAL");
    is(sys(sched_setaffinity, NOBODY, size, mask), -ESRCH, "setting no thread's is ESRCH");
    is(sys(sched_setaffinity, -1, size, mask), -ESRCH, "setting thread -1's is ESRCH");
    faults(sys(sched_setaffinity, 0, 8, bad), "sched_setaffinity from bad is EFAULT");
    is(sys(sched_yield, -1, -1, -1), 0, "sched_yield looks at no argument");
}

static void test_getcpu(void)
{
    unsigned cpu = 99999, node = 99999;

    is(sys(getcpu, NULL, NULL, NULL), 0, "getcpu needs no buffer");
    is(sys(getcpu, &cpu, &node, (void *)-1L), 0, "getcpu does not touch its third argument");
    ok(cpu < 4096 && node < 4096, "getcpu tells CPU and node");
    faults_on_write(sys(getcpu, bad ? bad : (void *)1, NULL), "getcpu into bad is EFAULT");
    faults_on_write(sys(getcpu, NULL, bad ? bad : (void *)1), "getcpu's node is EFAULT too");
}

int main(void)
{
    make_bad_pointers();
    plan(56);
    test_uname_and_sysinfo();
    test_getrandom();
    test_prlimit();
    test_arch_prctl();
    test_sched();
    test_getcpu();
    return done();
}
