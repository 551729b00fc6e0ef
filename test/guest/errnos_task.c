// What clone, clone3, wait4 and execve answer to bad input. None of it makes a thread or a
// process, and a refused execve leaves the program as it was.

#define _GNU_SOURCE
#include <limits.h>
#include <string.h>

#include "pointers.h"
#include "spawn.h"

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

struct clone3_args {
    unsigned long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    unsigned long set_tid, set_tid_size, cgroup, beyond;
};

static char stack[16384] __attribute__((aligned(16)));
static char *const no_env[] = {NULL};

static void test_clone(void)
{
    char *top = stack + sizeof(stack);

    is(sys(clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS, top, 0, 0,
           0xffff800000000000),
       -EPERM, "clone with its FS base in the kernel half is EPERM");
    is(sys(clone, THREAD & ~CLONE_SIGHAND, top), -EINVAL,
       "clone of a thread with handlers of its own is EINVAL");
    is(sys(clone, THREAD & ~CLONE_VM, top), -EINVAL,
       "clone of a thread with memory of its own is EINVAL");
    is(sys(clone, CLONE_SIGHAND | SIGCHLD, top), -EINVAL,
       "clone of handlers without memory is EINVAL");
    is(sys(clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, top), -EINVAL,
       "clone that shares and splits the root is EINVAL");
}

static long clone3(struct clone3_args args, long size)
{
    return sys(clone3, &args, size);
}

static void test_clone3(void)
{
    struct clone3_args good = {.flags = THREAD};
    struct clone3_args args = good;

    good.stack = (unsigned long)stack;
    good.stack_size = sizeof(stack);
    faults(sys(clone3, bad, 64), "clone3 of a bad address is EFAULT");
    memcpy(edge(32), &good, 32);
    is(sys(clone3, edge(32), 64), -EFAULT, "clone3 of an address over an edge is EFAULT");
    is(clone3(good, 0), -EINVAL, "clone3 of 0 bytes is EINVAL");
    is(clone3(good, 63), -EINVAL, "clone3 of 63 bytes is EINVAL");
    is(clone3(good, 1L << 32), -E2BIG, "clone3 of 2^32 bytes is E2BIG");
    is(clone3(good, -1), -E2BIG, "clone3 of 2^64 - 1 bytes is E2BIG");
    args = good, args.beyond = 1;
    is(clone3(args, sizeof(args)), -E2BIG, "clone3 that says what we do not know is E2BIG");
    args = good, args.flags |= 1UL << 63;
    is(clone3(args, 64), -EINVAL, "clone3 with an unknown flag is EINVAL");
    args = good, args.flags |= SIGCHLD;
    is(clone3(args, 64), -EINVAL, "clone3 with a signal among its flags is EINVAL");
    args = good, args.exit_signal = SIGCHLD;
    is(clone3(args, 64), -EINVAL, "clone3 of a thread with an exit signal is EINVAL");
    args = (struct clone3_args){.exit_signal = 65, .flags = CLONE_VM | CLONE_VFORK};
    is(clone3(args, 64), -EINVAL, "clone3 with exit signal 65 is EINVAL");
    args = (struct clone3_args){.exit_signal = 1UL << 32, .flags = CLONE_VM | CLONE_VFORK};
    is(clone3(args, 64), -EINVAL, "clone3 with exit signal 2^32 is EINVAL");
    args = good, args.stack = 0;
    is(clone3(args, 64), -EINVAL, "clone3 with a size but no stack is EINVAL");
    args = good, args.stack_size = 0;
    is(clone3(args, 64), -EINVAL, "clone3 with a stack but no size is EINVAL");
    args = good, args.stack = 0xffff800000000000;
    is(clone3(args, 64), -EINVAL, "clone3 with its stack in the kernel half is EINVAL");
    args = good, args.flags &= ~(unsigned long)CLONE_SIGHAND;
    is(clone3(args, 64), -EINVAL, "clone3 of a thread with handlers of its own is EINVAL");
    args = good, args.flags |= CLONE_SETTLS, args.tls = 1UL << 63;
    is(clone3(args, 64), -EPERM, "clone3 with a non-canonical FS base is EPERM");
}

static void test_wait4(void)
{
    int status = 0x1234;

    is(sys(wait4, -1, &status, 0, NULL), -ECHILD, "wait4 without a child is ECHILD");
    is(sys(wait4, -1, &status, WNOHANG, NULL), -ECHILD, "wait4 with WNOHANG is so too");
    is(sys(wait4, 0x7ffffff0, &status, 0, NULL), -ECHILD, "wait4 for a stranger is ECHILD");
    is(sys(wait4, getpid(), &status, 0, NULL), -ECHILD, "wait4 for oneself is ECHILD");
    is(sys(wait4, INT_MIN, &status, 0, NULL), -ESRCH, "wait4 for group 2^31 is ESRCH");
    is(sys(wait4, -1, &status, 0x100, NULL), -EINVAL, "wait4 with an unknown option is EINVAL");
    is(sys(wait4, -1, &status, -1, NULL), -EINVAL, "wait4 with all options is EINVAL");
    is(status, 0x1234, "a refused wait4 writes no status");
}

static void test_execve(char *self)
{
    static char long_path[PATH_MAX + 1], below[PATH_MAX], long_word[140000];
    char *const argv[] = {"never", NULL}, *with_bad[] = {"never", (char *)0x800000000000, NULL};
    char *too_long[] = {"never", long_word, NULL};
    char **at_edge = edge(sizeof(char *));

    memset(long_path, '/', PATH_MAX);
    memset(long_word, 'x', sizeof(long_word) - 1);
    strcat(strncat(below, self, PATH_MAX - 3), "/x");
    faults(sys(execve, bad, argv, no_env), "execve of a bad path pointer is EFAULT");
    is(sys(execve, "", argv, no_env), -ENOENT, "execve of the empty path is ENOENT");
    is(sys(execve, "/no/such", argv, no_env), -ENOENT, "execve of what is not there is ENOENT");
    is(sys(execve, below, argv, no_env), -ENOTDIR, "execve of a file's child is ENOTDIR");
    is(sys(execve, "/", argv, no_env), -EACCES, "execve of a directory is EACCES");
    is(sys(execve, "/dev/null", argv, no_env), -EACCES, "execve of a device is EACCES");
    is(sys(execve, long_path, argv, no_env), -ENAMETOOLONG, "execve of PATH_MAX bytes is too long");
    faults(sys(execve, self, bad ? (char **)bad : with_bad, no_env),
           "execve with its arguments at a bad address is EFAULT");
    faults(sys(execve, self, argv, bad ? (char **)bad : with_bad),
           "execve with its environment at a bad address is EFAULT");
    is(sys(execve, self, with_bad, no_env), -EFAULT, "execve with one bad argument is EFAULT");
    at_edge[0] = "never";
    is(sys(execve, self, at_edge, no_env), -EFAULT, "execve with arguments over an edge is EFAULT");
    is(sys(execve, self, too_long, no_env), -E2BIG, "execve with a word of 140,000 bytes is E2BIG");
}

int main(int argc, char *argv[])
{
    if (argc == 0 || strcmp(argv[0], "never") == 0 || !*argv[0])
        return ok(false, "an execve that must be refused has started this program again"), 1;
    make_bad_pointers();
    plan(42);
    test_clone();
    test_clone3();
    test_wait4();
    test_execve(argv[0]);
    return done();
}
