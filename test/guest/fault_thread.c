// One thread's fault ends the whole process, with the others in the middle of something: one
// spins, one sleeps, the first waits.
// dies: SIGSEGV
// flags: -pthread

#include <pthread.h>
#include <unistd.h>

static void *spin(void *arg)
{
    for (volatile long turns = 0;; turns++)
        ;
    return arg;
}

static void *sleep_long(void *arg)
{
    sleep(3600);
    return arg;
}

static void *fault(void *arg)
{
    return *(void *volatile *)arg;
}

int main(void)
{
    pthread_t spinner, sleeper, faulter;

    pthread_create(&spinner, NULL, spin, NULL);
    pthread_create(&sleeper, NULL, sleep_long, NULL);
    pthread_create(&faulter, NULL, fault, NULL);
    pthread_join(spinner, NULL);
    return 0;
}
