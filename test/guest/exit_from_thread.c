// The first thread ends alone; the process lives on in the second, which ends it.
// exits: 7
// flags: -pthread

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void *outlive(void *arg)
{
    const struct timespec later = {0, 50000000};

    nanosleep(&later, NULL);
    exit(7);
    return arg;
}

int main(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, outlive, NULL);
    syscall(SYS_exit, 3);
    return 1;
}
