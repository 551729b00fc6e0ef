// What two parties may do at once without either being lost: exec against exec, exec against clone,
// wake-ups against moves to other CPUs. Each has gone wrong in this kernel or could have; what is
// counted is outcomes, however long they take.
// flags: -pthread

#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu.h"
#include "ktap.h"

enum { EXECS = 30, SLEEPERS = 3, WAKES = 300, BECAME_ANOTHER = 7 };

static char *self;
static pthread_barrier_t barrier;

static void become_another(void)
{
    char *const argv[] = {self, "ends", NULL};

    execve(self, argv, (char *[]){NULL});
    _exit(1);
}

static void *exec_with_others(void *unused)
{
    pthread_barrier_wait(&barrier);
    become_another();
    return unused;
}

static void race_execs(void)
{
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 3);
    pthread_create(&thread, NULL, exec_with_others, NULL);
    pthread_create(&thread, NULL, exec_with_others, NULL);
    exec_with_others(NULL);
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void *make_threads(void *unused)
{
    pthread_t thread;

    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 50; i++)
        pthread_create(&thread, NULL, wait_for_ever, NULL);
    return wait_for_ever(unused);
}

static void race_exec_and_clone(void)
{
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, make_threads, NULL);
    exec_with_others(NULL);
}

/* How many children in which the race was run have become the other program. */
static int outcomes(void (*race)(void))
{
    int good = 0, status;

    for (int i = 0; i < EXECS; i++) {
        pid_t child = fork();

        if (child == 0)
            race();
        if (child > 0 && waitpid(child, &status, 0) == child)
            good += WIFEXITED(status) && WEXITSTATUS(status) == BECAME_ANOTHER;
    }
    return good;
}

static atomic_int word[SLEEPERS], tid[SLEEPERS];
static atomic_bool over;

/* Each turn of the word is waited for and answered: a lost wake-up stops the count for ever. */
static void *sleeper(void *arg)
{
    long me = (long)arg;

    tid[me] = (int)sys(gettid);
    for (int turn = 0; turn < WAKES; turn++) {
        while (word[me] % 2 == 0)
            sys(futex, &word[me], FUTEX_WAIT, word[me] & ~1, NULL);
        word[me]++;
        sys(futex, &word[me], FUTEX_WAKE, 1);
    }
    return NULL;
}

static void *waker(void *arg)
{
    long other = (long)arg;

    for (int turn = 0; turn < WAKES; turn++) {
        word[other]++;
        sys(futex, &word[other], FUTEX_WAKE, 1);
        while (word[other] % 2 == 1)
            sys(futex, &word[other], FUTEX_WAIT, word[other] | 1, NULL);
    }
    return NULL;
}

static void *mover(void *unused)
{
    cpu_set_t all, one;
    int cpu = 0;

    sched_getaffinity(0, sizeof(all), &all);
    while (!over) {
        cpu = (cpu + 1) % CPUS_MOST;
        if (!CPU_ISSET(cpu, &all))
            cpu = 0;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        for (int i = 0; i < SLEEPERS; i++)
            if (tid[i])
                sched_setaffinity(tid[i], sizeof(one), &one);
        sched_yield();
    }
    return unused;
}

static int turns_made(void)
{
    pthread_t sleepers[SLEEPERS], wakers[SLEEPERS], movers[2];
    int turns = 0;

    for (long i = 0; i < SLEEPERS; i++) {
        pthread_create(&sleepers[i], NULL, sleeper, (void *)i);
        pthread_create(&wakers[i], NULL, waker, (void *)i);
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&movers[i], NULL, mover, NULL);
    for (int i = 0; i < SLEEPERS; i++) {
        pthread_join(wakers[i], NULL);
        turns += word[i] / 2;
    }
    over = true;
    for (int i = 0; i < SLEEPERS; i++)
        pthread_join(sleepers[i], NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(movers[i], NULL);
    return turns;
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1 && strcmp(argv[1], "ends") == 0)
        return BECAME_ANOTHER;
    plan(3);
    is(outcomes(race_execs), EXECS, "of three threads that exec at once, one does");
    is(outcomes(race_exec_and_clone), EXECS, "exec ends the threads that are made meanwhile");
    is(turns_made(), SLEEPERS * WAKES, "no wake-up is lost while sleepers are moved about");
    return done();
}
