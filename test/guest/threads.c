// POSIX threads as programs use them: what each of these asks of the kernel is clone, futex,
// memory for stacks, and a thread block of one's own in FS.
// libc: both
// flags: -pthread

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

enum { MANY = 32 };

static pthread_t ids[MANY];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

/* Starts `count` threads, each told its index. True when all could start. */
static bool start(int count, void *(*body)(void *))
{
    for (long i = 0; i < count; i++)
        if (pthread_create(&ids[i], NULL, body, (void *)i))
            return false;
    return true;
}

/* Joins them; the sum of what they returned. */
static long join(int count)
{
    long sum = 0;
    void *result;

    for (int i = 0; i < count; i++)
        sum += pthread_join(ids[i], &result) ? -1000000 : (long)result;
    return sum;
}

static void *count_locked(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return arg;
}

static void test_mutex(void)
{
    struct timespec past = {1, 0};

    ok(start(8, count_locked), "eight threads start");
    is(join(8), 0 + 1 + 2 + 3 + 4 + 5 + 6 + 7, "join gives what each thread returned");
    is(counter, 80000, "a mutex keeps eight threads' 80,000 increments apart");
    pthread_mutex_lock(&mutex);
    is(pthread_mutex_trylock(&mutex), EBUSY, "trylock of a held mutex is EBUSY");
    is(pthread_mutex_timedlock(&mutex, &past), ETIMEDOUT, "timedlock until the past is ETIMEDOUT");
    pthread_mutex_unlock(&mutex);
}

static int turn;

static void *ping_pong(void *arg)
{
    int me = (int)(long)arg;

    pthread_mutex_lock(&mutex);
    for (int i = 0; i < 2000; i++) {
        while (turn != me)
            pthread_cond_wait(&cond, &mutex);
        turn = !me;
        counter++;
        pthread_cond_signal(&cond);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void test_cond(void)
{
    struct timespec until, now;
    int result = 0;

    counter = 0;
    start(2, ping_pong);
    join(2);
    is(counter, 4000, "two threads pass a turn to and fro 2,000 times");
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    while (result == 0)
        result = pthread_cond_timedwait(&cond, &mutex, &until);
    is(result, ETIMEDOUT, "a condition that nobody signals times out");
    clock_gettime(CLOCK_REALTIME, &now);
    ok(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec),
       "and does so not before the time");
    is(pthread_mutex_trylock(&mutex), EBUSY, "the mutex is held again after a timeout");
    pthread_mutex_unlock(&mutex);
}

static __thread long of_thread = 77, zeroed;
static atomic_long wrong;
static pthread_barrier_t barrier;

static void *use_thread_locals(void *arg)
{
    wrong += of_thread != 77 || zeroed != 0;
    of_thread = zeroed = (long)arg;
    errno = (int)(long)arg + 1000;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 100; i++) {
        sys(sched_yield);
        wrong += of_thread != (long)arg || zeroed != (long)arg || errno != (int)(long)arg + 1000;
    }
    open("/no/such/file", O_RDONLY);
    wrong += errno != ENOENT;
    pthread_barrier_wait(&barrier);
    return &of_thread == &zeroed ? NULL : (void *)(uintptr_t)&of_thread;
}

static void test_thread_locals(void)
{
    void *address[8];
    int same = 0;

    pthread_barrier_init(&barrier, NULL, 8);
    errno = 55;
    start(8, use_thread_locals);
    for (int i = 0; i < 8; i++)
        pthread_join(ids[i], &address[i]);
    is(wrong, 0, "thread-local variables and errno belong to their thread");
    is(errno, 55, "other threads' errors leave ours alone");
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++)
            same += address[i] == address[j];
    is(same, 0, "threads that live together have different blocks");
    pthread_barrier_destroy(&barrier);
}

static atomic_int phase_sum[3], leaders;

static void *meet(void *arg)
{
    (void)arg;
    for (int phase = 0; phase < 3; phase++) {
        phase_sum[phase]++;
        leaders += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
        wrong += phase_sum[phase] != 8;
    }
    return NULL;
}

static sem_t items, room;

static void *consume(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++) {
        sem_wait(&items);
        __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED);
        sem_post(&room);
    }
    return NULL;
}

static void test_barrier_and_semaphore(void)
{
    struct timespec past = {1, 0};

    pthread_barrier_init(&barrier, NULL, 8);
    wrong = 0;
    start(8, meet);
    join(8);
    is(wrong, 0, "nobody leaves a barrier before all eight are there");
    is(leaders, 3, "a barrier has one leader each time");
    sem_init(&items, 0, 0);
    sem_init(&room, 0, 4);
    counter = 0;
    start(2, consume);
    for (int i = 0; i < 1000; i++) {
        sem_wait(&room);
        sem_post(&items);
    }
    join(2);
    is(counter, 1000, "1,000 items go through a semaphore that holds four");
    is(sem_trywait(&items) ? errno : 0, EAGAIN, "an empty semaphore refuses with EAGAIN");
    is(sem_timedwait(&items, &past) ? errno : 0, ETIMEDOUT, "an empty semaphore times out");
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int times_run, detached_done;

static void run_once(void)
{
    times_run++;
}

static void *call_once(void *arg)
{
    pthread_once(&once, run_once);
    return (void *)((long)arg * 0 + (times_run == 1));
}

static void *detached(void *arg)
{
    detached_done++;
    return arg;
}

static void test_many(void)
{
    pthread_attr_t attr;
    long sum = 0, started = 0;
    void *result;

    ok(start(MANY, call_once), "thirty-two threads live together");
    is(join(MANY), MANY, "pthread_once runs before any caller goes on");
    is(times_run, 1, "pthread_once runs once");
    for (long i = 0; i < 200; i++)
        if (pthread_create(&ids[0], NULL, detached, (void *)i) == 0 &&
            pthread_join(ids[0], &result) == 0)
            sum += (long)result;
    is(sum, 199 * 200 / 2, "two hundred threads come and go one after another");
    detached_done = 0;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < MANY; i++)
        started += pthread_create(&ids[0], &attr, detached, NULL) == 0;
    while (detached_done < started)
        sys(sched_yield);
    is(started, MANY, "thirty-two detached threads start and run to their end");
    pthread_attr_destroy(&attr);
}

static atomic_long seen_tid;

static void *tell_tid(void *arg)
{
    seen_tid = sys(gettid);
    return (void *)(long)(getpid() == (int)(long)arg);
}

int main(void)
{
    plan(24);
    test_mutex();
    test_cond();
    test_thread_locals();
    test_barrier_and_semaphore();
    test_many();
    pthread_create(&ids[0], NULL, tell_tid, (void *)(long)getpid());
    is(join(1), 1, "a thread's process is its creator's");
    ok(seen_tid > 0 && seen_tid != sys(gettid), "a thread's id is its own");
    return done();
}
