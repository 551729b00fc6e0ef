// Who calls vfork goes on when its child has ended or become another program, and no sooner: whatever
// the child does meanwhile, and whether the child is a process or a thread.

#define _GNU_SOURCE
#include "attack.h"

#define STACK        65536
#define VFORK        (CLONE_VM | CLONE_VFORK)
#define VFORK_THREAD (DOES_THREAD | CLONE_VFORK)

static char stacks[3][STACK] __attribute__((aligned(64)));
static volatile long steps; /* of the child, which shares our memory */
static char *self;

/* A child that runs `run` on a stack of its own and ends with its result. */
#define CLONE_WITH(name, instruction)                                                              \
    static long name(long flags, long (*run)(void), void *stack)                                   \
    {                                                                                              \
        register long r8 __asm__("r8") = 0, r10 __asm__("r10") = 0;                                \
        register long (*r12)(void) __asm__("r12") = run;                                           \
        long result;                                                                               \
        __asm__ volatile(instruction "; test %%eax, %%eax; jnz 1f\n"                               \
                                     "xor %%ebp, %%ebp; call *%%r12\n"                             \
                                     "mov %%eax, %%edi; mov %[exit], %%eax; " instruction "\n"     \
                                     "1:"                                                          \
                         : "=a"(result)                                                            \
                         : "a"((long)SYS_clone), "D"(flags), "S"((long)stack), "d"(0L), "r"(r8),   \
                           "r"(r10), "r"(r12), [exit] "i"(SYS_exit)                                \
                         : "rcx", "r9", "r11", "memory");                                          \
        return result;                                                                             \
    }
CLONE_WITH(clone_int, "int $0x80")
CLONE_WITH(clone_syscall, "syscall")

static long child(long flags, long (*run)(void), int stack)
{
    return (door == DOOR_INT ? clone_int : clone_syscall)(flags, run, stacks[stack] + STACK);
}

static long takes_its_time(void)
{
    for (int i = 0; i < 20; i++)
        nap();
    steps++;
    return 7;
}

/* The attack: what it clones makes it wait, too. */
static long ends_all(void)
{
    takes_its_time();
    sys(exit_group, 7);
    return 0;
}

static long has_a_thread_that_ends_all(void)
{
    child(VFORK_THREAD, ends_all, 1);
    return 1;
}

static long has_a_thread(void)
{
    child(VFORK_THREAD, takes_its_time, 1);
    return takes_its_time();
}

static long has_a_child(void)
{
    int status;
    long pid = child(VFORK | SIGCHLD, takes_its_time, 1);

    sys(wait4, pid, &status, 0, NULL);
    return takes_its_time();
}

static long becomes_another(void)
{
    takes_its_time();
    return sys(execve, self, ((char *[]){self, "ends", NULL}), ((char *[]){NULL}));
}

static long is_killed(void)
{
    long pid = sys(getpid);

    takes_its_time();
    sys(kill, pid, SIGKILL);
    return 1;
}

static long takes_longer(void)
{
    for (int i = 0; i < 10; i++)
        takes_its_time();
    return 0;
}

/* A process that vforks: 100 plus the child's steps when it goes on and all is as it must be. */
static long vforks(long (*run)(void), int exits, int dies)
{
    int status = -1;
    long pid, victim = sys(fork);

    if (victim)
        return ends(victim);
    steps = 0;
    pid = child(VFORK | SIGCHLD, run, 0);
    victim = steps;
    if (pid <= 0 || sys(wait4, pid, &status, 0, NULL) != pid || status != (exits << 8 | dies))
        sys(exit_group, 1);
    sys(exit_group, 100 + victim);
    return 0;
}

/* The same for a thread that is waited for. */
static long vforks_thread(void)
{
    long victim = sys(fork);

    if (victim)
        return ends(victim);
    steps = 0;
    sys(exit_group, child(VFORK_THREAD, takes_its_time, 0) > 0 ? 100 + steps : 1);
    return 0;
}

/* Who waits is killed meanwhile; its child ends only then, in a memory that it has for itself. */
static long waiter_is_killed(void)
{
    long pid = sys(fork);

    if (pid == 0) {
        child(VFORK | SIGCHLD, takes_its_time, 0);
        sys(exit_group, 1);
    }
    nap();
    sys(kill, pid, SIGKILL);
    return ends(pid);
}

/* One thread of a process waits for its child, another one ends the process. */
static long process_of_the_waiter_ends(void)
{
    long pid = sys(fork);

    if (pid == 0) {
        child(DOES_THREAD, ends_all, 2);
        child(VFORK | SIGCHLD, takes_longer, 0);
        sys(exit_group, 1);
    }
    return ends(pid);
}

static void run(void)
{
    is(vforks(takes_its_time, 7, 0), 101 << 8, "who vforks goes on when the child has ended");
    is(vforks(becomes_another, 42, 0), 101 << 8, "or when it has become another program");
    is(vforks(is_killed, 0, SIGKILL), 101 << 8, "or when it was killed");
    is(vforks(has_a_child, 7, 0), 102 << 8, "or when it has ended, after a vfork of its own");
    is(vforks(has_a_thread, 7, 0), 102 << 8, "or after a thread that it waited for itself");
    is(vforks(has_a_thread_that_ends_all, 7, 0), 101 << 8, "or by such a thread's exit_group");
    is(vforks_thread(), 101 << 8, "who waits for a thread so goes on when the thread has ended");
    is(waiter_is_killed(), SIGKILL, "who waits in vfork can be killed");
    is(process_of_the_waiter_ends(), 7 << 8, "and ended by another thread");
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1)
        return 42;
    return by_each_door(9, run);
}
