// The lab: each stub gives back what it promises, and whatever happens to the thread that installed
// one, the real door is back. Its argument says what the kernel was booted with: `open` (lab=on) or
// `closed`.
// args: closed
// flags: -pthread

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cpu.h"
#include "lab.h"
#include "registers.h"

enum { TRIES = 100 };

TAKE(take_gate, "int $0x81")
TAKE(take_gate_end, "int $0x82")
TAKE(take_syscall, "syscall")
_Static_assert(LAB_GATE == 0x81 && LAB_GATE_END == 0x82, "as above");

static bool has[LAB_DOORS];
static enum lab_door
    any; // one that this build has; syscall, where a stub left behind does most harm
static int pid;

// A result for each open door.
static void each_door(bool (*check)(enum lab_door), const char *sentence)
{
    for (enum lab_door door = 0; door < LAB_DOORS; door++) {
        bool pass = !has[door] || check(door);
        put_result(pass, sentence);
        put(", ");
        put(lab_doors[door]);
        if (!has[door])
            put(" # SKIP not in this build");
        put_end_of_line();
    }
}

// Both doors do calls: no stub stands anywhere here, and GS is what it must be.
static bool real_doors(void)
{
    return (!has[LAB_INT] || door_int0(SYS_getpid) == pid) &&
           (!has[LAB_SYSCALL] || door_syscall0(SYS_getpid) == pid) && lab_end() == 0;
}

static void test_closed(void)
{
    is(lab(LAB_INSTALL, LAB_INT, LAB_BARE), -EPERM, "installing is EPERM");
    is(lab(LAB_INTERRUPTS, 0, 0), -EPERM, "counting interrupts is EPERM");
    is(lab(-1, -1, -1), -EPERM, "and so is what does not exist");
}

static void test_arguments(void)
{
    is(lab(-1, 0, 0), -EINVAL, "an unknown op is EINVAL");
    is(lab(LAB_INTERRUPTS + 1, 0, 0), -EINVAL, "and so is the first beyond the last");
    is(lab(LAB_INSTALL, LAB_DOORS, 0), -EINVAL, "an unknown door is EINVAL");
    is(lab(LAB_INSTALL, 1L << 32, 0), -EINVAL, "also when its low half is known");
    is(lab(LAB_INSTALL, any, LAB_RUNGS), -EINVAL, "an unknown rung is EINVAL");
    is(lab(LAB_INSTALL, any, -1), -EINVAL, "a negative one too");
    for (enum lab_door door = 0; door < LAB_DOORS; door++) {
        if (has[door])
            skip("a stub for a door that is not in the build is ENODEV", lab_doors[door]);
        else
            is(lab(LAB_INSTALL, door, LAB_BARE), -ENODEV,
               "a stub for a door that is not in the build is ENODEV");
    }
}

// Once through the stub with the registers in `want`. 0 if it stood all the time; a page that is
// touched for the first time takes it away, and then once more will do.
static long take_stub(enum lab_door door, enum lab_rung rung)
{
    for (int i = 0; i < TRIES; i++) {
        long error = lab(LAB_INSTALL, door, rung);
        if (error)
            return error;
        door == LAB_INT ? take_gate() : take_syscall();
        if (lab_end() == 1)
            return 0;
    }
    return -EINTR;
}

static void test_rung(enum lab_door door, enum lab_rung rung)
{
    static const unsigned long flags[] = {0, 0x40cd5,
                                          0x244cd5}; // AC DF, NT ID, the arithmetic ones
    static const unsigned long stacks[] = {0, 1, 0x800000000000, 0xffff800000000000, -1UL};
    const unsigned long high = 0x11223344UL << 32;
    bool real = rung >= LAB_REAL, calls = rung >= LAB_DISPATCH;
    bool takes_two = door == LAB_SYSCALL || rung == LAB_CROSSED;
    unsigned long expected = real ? (unsigned long)pid : rung == LAB_DISPATCH ? 0 : high;
    long error = 0, bits = 0;

    for (unsigned i = 0; i < 15 && has[door]; i++) {
        prepare(high | (real ? SYS_getpid : 0), 0, 0, 0);
        want.rflags |= flags[i % 3];
        want.rsp = stacks[i / 3];
        if ((error = take_stub(door, rung)))
            break;
        bits |= broken_registers(takes_two) | (got.rax != expected) << 17;
    }
    bool absent = !has[door] || (error == -ENODEV && rung == LAB_CROSSED);
    put_result((absent || !error) && !bits && real_doors(),
               calls ? "a stub gives the result and the registers it promises: "
                     : "a stub gives back the registers it promises: ");
    put(lab_doors[door]);
    put(", ");
    put(lab_rungs[rung]);
    if (absent) {
        put(" # SKIP not on this kernel");
    } else if (error || bits) {
        put(" # result, and registers that are wrong: ");
        put_number(error);
        put(" ");
        put_hex((unsigned long)bits);
    }
    put_end_of_line();
}

static void test_ends(void)
{
    long result, stood;

    prepare(0, 1, 2, 3);
    want.rflags |= 0x244cd5;
    take_gate();
    is(got.rax, -EAGAIN, "the gate without a stub answers EAGAIN");
    is(broken_registers(false), 0, "and preserves all other registers");
    take_gate_end();
    is(got.rax, 0, "the end without a stub answers 0");
    is(broken_registers(false), 0, "and preserves all other registers");
    lab(LAB_INSTALL, any, LAB_REAL);
    take_gate_end();
    is(got.rax, 1, "the end of one that stood answers 1");
    is(broken_registers(false), 0, "and preserves all other registers");
    is(lab_end(), 0, "a second end answers 0");
    lab(LAB_INSTALL, any, LAB_REAL);
    result = lab(LAB_INSTALL, any, LAB_FRAME);
    stood = lab_end(); // (nothing can be printed with a stub in `syscall`)
    is(result, 0, "a stub takes the place of the thread's former one");
    is(stood, 1, "and stands");
    lab(LAB_INSTALL, any, LAB_REAL);
    result = lab(LAB_INSTALL, any, LAB_RUNGS);
    stood = lab_end();
    is(result, -EINVAL, "a bad rung is EINVAL");
    is(stood, 1, "and leaves what stands");
}

// A page fault that is answered, unseen by the program but for this.
static bool taken_by_fault(enum lab_door door)
{
    volatile char *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED || lab(LAB_INSTALL, door, LAB_BARE))
        return false;
    *page = 1;
    return lab_end() == 0 && real_doors();
}

// What a child process does between installing a stub and its end, and how that must look.
static void fault(void)
{
    for (int i = 0; i < 1000; i++)
        lab_pass(any, 0);
    asm volatile("ud2");
}

static void leave(void)
{
    if (has[LAB_INT])
        door_int(SYS_exit_group, 7, 0, 0, 0, 0, 0);
    else
        door_syscall(SYS_exit_group, 7, 0, 0, 0, 0, 0);
}

// /test/exit_42 goes through `syscall`, if that is open.
static void exec(void)
{
    static char *argv[] = {"/test/exit_42", NULL};

    if (has[LAB_INT])
        door_int(SYS_execve, (long)argv[0], (long)argv, (long)&argv[1], 0, 0, 0);
    else
        door_syscall(SYS_execve, (long)argv[0], (long)argv, (long)&argv[1], 0, 0, 0);
}

static void test_child(void (*act)(void), long rung, int expected, const char *sentence)
{
    int status = -1;
    long again;
    pid_t child = fork();

    if (child == 0) {
        if (lab(LAB_INSTALL, any, rung) == 0)
            act();
        lab_end();
        _exit(99);
    }
    ok(waitpid(child, &status, 0) == child && status == expected, sentence);
    ok(real_doors(), "and the doors of its CPU are the real ones");
    again = lab(LAB_INSTALL, any, LAB_BARE);
    lab_end();
    is(again, 0, "and the lab is free");
}

static void test_children(void)
{
    // A stub in `syscall` leaves int 0x80 to end by; where there is none, the real door must do.
    long rung = has[LAB_INT] ? LAB_BARE : LAB_REAL;

    test_child(fault, LAB_BARE, SIGILL, "a fault between stubs ends its process alone");
    test_child(leave, rung, 7 << 8, "a process ends with a stub in place");
    test_child(exec, rung, 42 << 8, "exec leaves no stub to the new program");
}

static atomic_long turns, wrong, stop;

// Another thread, on the same CPU, to which a stub would be a door that does no calls.
static void *call_all_the_time(void *arg)
{
    for (; !stop; turns++)
        wrong += (has[LAB_INT] && door_int0(SYS_getpid) != pid) ||
                 (has[LAB_SYSCALL] && door_syscall0(SYS_getpid) != pid);
    return arg;
}

static bool taken_when_preempted(enum lab_door door)
{
    if (lab(LAB_INSTALL, door, LAB_BARE))
        return false;
    for (long before = turns; turns == before;)
        lab_pass(door, SYS_getpid);
    return lab_end() == 0 && real_doors();
}

static bool taken_when_yielding(enum lab_door door)
{
    long before = turns;

    if (lab(LAB_INSTALL, door, has[LAB_INT] ? LAB_BARE : LAB_REAL))
        return false;
    if (has[LAB_INT])
        door_int0(SYS_sched_yield);
    else
        door_syscall0(SYS_sched_yield);
    return turns != before && lab_end() == 0 && real_doors();
}

static void test_switches(void)
{
    pthread_t thread;

    stop = 0;
    pthread_create(&thread, NULL, call_all_the_time, NULL);
    while (!turns)
        sched_yield();
    each_door(taken_when_preempted, "a stub is gone when another thread has run");
    each_door(taken_when_yielding, "and when it was let run");
    stop = 1;
    pthread_join(thread, NULL);
    is(wrong, 0, "the other thread has met the real doors only");
}

static atomic_long standing, tried;
static long other_result, after_end;
static bool other_doors;

static void *want_the_lab(void *arg)
{
    int cpu = *(int *)arg;

    if (!stay_on(cpu))
        return NULL;
    tried = 1;
    while (standing != 1)
        ;
    other_doors = real_doors();
    other_result = lab(LAB_INSTALL, any, LAB_BARE);
    lab_end();
    tried = 2;
    while (standing != 2)
        ;
    after_end = lab(LAB_INSTALL, any, LAB_BARE);
    lab_end();
    return arg;
}

static void test_two_cpus(int cpu)
{
    static const char *const sentences[] = {
        "while a stub stands, a thread on another CPU gets EBUSY",
        "and finds the real doors there",
        "and has the lab when the stub is gone",
        "and has not disturbed it",
    };
    pthread_t thread;
    long stood;

    if (cpu < 0) {
        for (int i = 0; i < 4; i++)
            skip(sentences[i], "one CPU");
        return;
    }
    pthread_create(&thread, NULL, want_the_lab, &cpu);
    while (!tried)
        sched_yield();
    lab(LAB_INSTALL, any, LAB_BARE);
    standing = 1;
    while (tried != 2)
        ;
    stood = lab_end();
    standing = 2;
    pthread_join(thread, NULL);
    is(other_result, -EBUSY, sentences[0]);
    ok(other_doors, sentences[1]);
    is(after_end, 0, sentences[2]);
    is(stood, 1, sentences[3]);
}

static void test_interrupts(void)
{
    long first = lab(LAB_INTERRUPTS, 0, 0), same = 0;

    for (int i = 0; i < 1000; i++) {
        long before = lab(LAB_INTERRUPTS, 0, 0);
        lab(LAB_INSTALL, any, LAB_BARE);
        lab_end();
        same += before == lab(LAB_INTERRUPTS, 0, 0);
    }
    ok(first >= 0 && same > 500, "calls and the lab's gates are no interrupts");
    for (time_t end = time(NULL) + 20; lab(LAB_INTERRUPTS, 0, 0) == first && time(NULL) < end;)
        ;
    ok(lab(LAB_INTERRUPTS, 0, 0) > first, "a timer tick is one");
}

int main(int argc, char **argv)
{
    cpu_set_t all;
    int other = -1;

    if (argc == 2 && strcmp(argv[1], "closed") == 0) {
        plan(3);
        test_closed();
        return done();
    }
    pid = getpid();
    for (enum lab_door door = 0; door < LAB_DOORS; door++)
        if ((has[door] = lab_has(door)))
            any = door;
    sched_getaffinity(0, sizeof(all), &all);
    for (int cpu = 1; cpu < CPUS_MOST && other < 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            other = cpu;
    stay_on(0);

    plan(8 + LAB_DOORS * LAB_RUNGS + 11 + 2 + 9 + 5 + 4 + 2);
    test_arguments();
    for (enum lab_door door = 0; door < LAB_DOORS; door++)
        for (enum lab_rung rung = 0; rung < LAB_RUNGS; rung++)
            test_rung(door, rung);
    test_ends();
    each_door(taken_by_fault, "a page fault takes the stub away");
    test_children();
    test_switches();
    test_two_cpus(other);
    test_interrupts();
    return done();
}
