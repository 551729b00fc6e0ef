// A thread on each CPU takes away access to a page of its own and touches it again, all at once: every
// such change is to be told to all the other CPUs. All of them come through. Its argument is how often.
// flags: -pthread

#define _GNU_SOURCE
#include <pthread.h>

#include "attack.h"

enum { THREADS_MOST = 1024 };

static long rounds;
static char *pages;
static volatile long arrived;
static _Atomic long through, wrong;

static void *change_own_page(void *arg)
{
    long me = (long)arg;
    uint64_t set[THREADS_MOST / 64] = {0};
    volatile long *mine = (volatile long *)(pages + (size_t)me * PAGE);

    set[me / 64] = 1UL << me % 64;
    sys(sched_setaffinity, 0, sizeof(set), set);
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    while (arrived)
        sys(sched_yield); /* until all are there */
    for (long i = 1; i <= rounds; i++) {
        *mine = i;
        wrong += sys(mprotect, mine, PAGE, PROT_READ) != 0;
        wrong += sys(rt_sigprocmask, 0, NULL, mine, 8) != -EFAULT;
        wrong += sys(mprotect, mine, PAGE, PROT_READ | PROT_WRITE) != 0 || *mine != i;
    }
    through++;
    return NULL;
}

static void run(void)
{
    static pthread_t threads[THREADS_MOST];
    const long all = sysconf(_SC_NPROCESSORS_ONLN), count = all < THREADS_MOST ? all : THREADS_MOST;
    long made = 0;

    arrived = 0;
    through = 0;
    wrong = 0;
    pages = (char *)sys(mmap, 0, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (made < count && pthread_create(&threads[made], NULL, change_own_page, (void *)made) == 0)
        made++;
    is(made, count, "each CPU gets a thread");
    comes_to(&arrived, made);
    arrived = 0;
    for (long i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    is(through, count, "all of them come through");
    is(wrong, 0, "each sees its own page as it has made it");
    sys(munmap, pages, (size_t)count * PAGE);
}

int main(int argc, char **argv)
{
    rounds = argument(argc, argv, 1, 3);
    return by_each_door(3, run);
}
