// sources: src/task/park.c src/task/futex.c src/lib/tree.c test/unit/stubs.c
// flags: -fno-sanitize=null
/* (this_cpu is at address 0 of GS: no null pointer.)
 * The table of parked threads and the futex calls on it, against a list that is searched from its head: who
 * waits where, in which order, and how much one piece of a call does. */
#include "stubs.h"
#include <asm/errno.h>
#include <asm/prctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mm/space.h"
#include "task/futex.h"
#include "task/process.h"
#include "task/sched.h"
#include "task/thread.h"

#define THREADS 2500
#define WORDS   12
#define CALLER  (&threads[0]) /* never waits */

static struct cpu cpu;
static struct process process;
static struct thread threads[THREADS];
static struct trap_frame frame;
static uint32_t word; /* what every futex holds */
static resume_fn *next_piece;
static unsigned woken_at_once; /* since the last piece began */

/* The model: those that wait, the first to come first. */
static struct place {
    struct thread *thread;
    uint64_t address;
    uint32_t bits;
} queue[THREADS];
static unsigned queued;

/* ---- the rest of the kernel */

void spin_lock_as(struct spinlock *lock, uint32_t rank)
{
    assert_int_equal(rank, LOCK_PARK_SECOND);
    assert_true(locks_held == 1);
    assert_int_equal(lock->locked++, 0);
}

void spin_unlock_as(struct spinlock *lock, uint32_t rank)
{
    assert_int_equal(rank, LOCK_PARK_SECOND);
    lock->locked = 0;
}

static unsigned absent; /* how many peeks find no page */
static bool nothing_there;

int peek_user_u32(uint32_t *value, user_addr_t src)
{
    (void)src;
    assert_true(locks_held > 0);
    *value = word;
    absent -= absent > 0;
    return absent ? -EFAULT : 0;
}

int copy_from_user(void *dst, user_addr_t src, size_t size)
{
    (void)src;
    assert_int_equal(locks_held, 0);
    memset(dst, 0, size);
    return nothing_there ? -EFAULT : 0;
}

bool user_range_ok(user_addr_t address, uint64_t size)
{
    return address >= USER_START && address + size <= USER_END;
}

void sched_block(enum wait wait, uint64_t deadline)
{
    (void)deadline;
    assert_int_equal(locks_held, 1);
    cpu.current->wait = wait;
    cpu.current->state = THREAD_BLOCKED;
}

void sched_wake(struct thread *thread)
{
    assert_int_equal(thread->state, THREAD_BLOCKED);
    assert_non_null(thread->parked.bucket); /* not yet the thread's to leave */
    thread->state = THREAD_RUNNABLE;
    woken_at_once++;
}

static unsigned called_again;

void sched_call_again(void)
{
    called_again++;
}

void sched_go_on(resume_fn *resume)
{
    next_piece = resume;
}

/* ---- helpers */

static int begin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        park_leave(&threads[i]);
    memset(threads, 0, sizeof threads);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i].process = &process;
    process.space = (struct space *)0xffff800000123000;
    queued = 0;
    word = woken_at_once = absent = called_again = 0;
    nothing_there = false;
    next_piece = NULL;
    cpu.self = &cpu;
    cpu.current = CALLER;
    return (int)syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
}

static uint64_t address_of(unsigned n)
{
    return 0x10000 + 4 * (uint64_t)n;
}

static void wait_at(struct thread *thread, uint64_t address, uint32_t bits)
{
    cpu.current = thread;
    assert_int_equal(futex_wait(address, 0, bits, UINT64_MAX), 0);
    cpu.current = CALLER;
    queue[queued++] = (struct place){thread, address, bits};
}

static void forget(unsigned at)
{
    memmove(&queue[at], &queue[at + 1], (--queued - at) * sizeof queue[0]);
}

/* Comes to the end of a call, piece by piece, each of which is bounded. Its result. */
static long finish(long result)
{
    assert_in_range(woken_at_once, 0, 64);
    while (next_piece) {
        resume_fn *next = next_piece;
        next_piece = NULL;
        woken_at_once = 0;
        next(CALLER, &frame);
        assert_in_range(woken_at_once, 0, 64);
        result = (long)frame.rax;
    }
    woken_at_once = 0;
    return result;
}

/* Nobody waits but those in the model. */
static void check_all(void)
{
    unsigned blocked = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(threads[i].state == THREAD_BLOCKED, threads[i].parked.bucket != NULL);
        blocked += threads[i].state == THREAD_BLOCKED;
    }
    assert_int_equal(blocked, queued);
    for (unsigned i = 0; i < queued; i++)
        assert_int_equal(queue[i].thread->parked.number, queue[i].address);
}

/* The same of the model. Woken are the first, which must run now. */
static unsigned model_wake(uint64_t address, unsigned count, uint32_t bits)
{
    unsigned woken = 0;
    for (unsigned i = 0; i < queued && woken < count;) {
        if (queue[i].address != address || !(queue[i].bits & bits)) {
            i++;
            continue;
        }
        assert_int_equal(queue[i].thread->state, THREAD_RUNNABLE);
        forget(i);
        woken++;
    }
    return woken;
}

static unsigned model_move(uint64_t from, unsigned count, uint64_t to)
{
    unsigned moved = 0;
    for (unsigned i = 0, left = queued; left-- && moved < count && from != to;) {
        if (queue[i].address != from) {
            i++;
            continue;
        }
        struct place place = queue[i];
        forget(i);
        place.address = to;
        queue[queued++] = place;
        moved++;
    }
    return moved;
}

static struct thread *runnable(void)
{
    for (unsigned tries = 0; tries < 2 * THREADS; tries++) {
        struct thread *thread = &threads[1 + random_below(THREADS - 1)];
        if (thread->state == THREAD_RUNNABLE)
            return thread;
    }
    return NULL;
}

/* ---- tests */

static void test_calls_do_what_a_plain_list_does(void **state)
{
    static const unsigned counts[] = {0, 1, 2, 50, INT32_MAX};
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t address = address_of((unsigned)random_below(WORDS)),
                 target = address_of((unsigned)random_below(WORDS));
        unsigned wake = counts[random_below(5)], requeue = counts[random_below(5)];
        uint32_t bits = (uint32_t)(1 + random_below(15));
        struct thread *thread = runnable();
        switch (random_below(50)) {
        default:
            if (thread)
                wait_at(thread, address, bits);
            break;
        case 0: {
            long woken = finish(futex_wake(address, wake, bits));
            assert_int_equal(woken, model_wake(address, wake, bits));
            break;
        }
        case 1:
        case 2: {
            long done = finish(futex_requeue(address, wake, target, requeue, NULL));
            unsigned woken = model_wake(address, wake, FUTEX_ALL_BITS);
            assert_int_equal(done, woken + model_move(address, requeue, target));
            break;
        }
        case 3: /* killed, or timed out */
            if (queued) {
                unsigned at = (unsigned)random_below(queued);
                queue[at].thread->state = THREAD_RUNNABLE;
                assert_true(park_leave(queue[at].thread));
                assert_false(park_leave(queue[at].thread));
                forget(at);
            }
            break;
        }
        check_all();
    }
    (void)state;
}

/* Between two pieces anything may happen: whoever comes then is not the call's, whoever goes is not counted. */
static void test_a_call_is_about_those_who_waited_when_it_began(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 200; i++)
        wait_at(&threads[i], address_of(0), 1);
    long result = futex_wake(address_of(0), INT32_MAX, 1);
    for (unsigned i = 201; i <= 250; i++)
        wait_at(&threads[i], address_of(0), 1);
    threads[200].state = THREAD_RUNNABLE;
    assert_true(park_leave(&threads[200]));
    assert_int_equal(finish(result), 199);
    for (unsigned i = 1; i <= 250; i++)
        assert_int_equal(threads[i].state, i > 200 ? THREAD_BLOCKED : THREAD_RUNNABLE);
    assert_int_equal(finish(futex_wake(address_of(0), INT32_MAX, 1)), 50);
}

static void test_the_value_is_compared_once_at_first(void **state)
{
    (void)state;
    const uint32_t expected = 7;
    for (unsigned i = 1; i <= 200; i++)
        wait_at(&threads[i], address_of(0), 1);
    assert_int_equal(futex_requeue(address_of(0), 1, address_of(1), 300, &expected), -EAGAIN);
    word = 7;
    long result = futex_requeue(address_of(0), 1, address_of(1), 300, &expected);
    assert_non_null(next_piece);
    word = 8;
    assert_int_equal(finish(result), 200);
    assert_int_equal(finish(futex_wake(address_of(1), 300, 1)), 199);
}

/* The number of pieces beyond the first. */
static unsigned count_pieces(void)
{
    unsigned pieces = 0;
    for (; next_piece; pieces++) {
        resume_fn *next = next_piece;
        next_piece = NULL;
        next(CALLER, &frame);
    }
    return pieces;
}

static void test_a_piece_wakes_and_passes_over_a_bounded_number(void **state)
{
    (void)state;
    for (unsigned i = 1; i < THREADS; i++)
        wait_at(&threads[i], address_of(0), i == THREADS - 1 ? 2 : 1);
    futex_wake(address_of(0), 1, 4);
    assert_int_equal(count_pieces(), (THREADS - 2) / 1024);
    assert_int_equal(frame.rax, 0);
    futex_wake(address_of(0), 1, 2);
    assert_int_equal(count_pieces(), (THREADS - 2) / 1024);
    assert_int_equal(frame.rax, 1);
    assert_int_equal(threads[THREADS - 1].state, THREAD_RUNNABLE);
    futex_requeue(address_of(0), 100, address_of(1), INT32_MAX, NULL);
    assert_int_equal(count_pieces(), (THREADS - 2) / 64);
    assert_int_equal(frame.rax, THREADS - 2);
    futex_wake(address_of(1), INT32_MAX, FUTEX_ALL_BITS);
    assert_int_equal(count_pieces(), (THREADS - 102) / 64);
    assert_int_equal(frame.rax, THREADS - 102);
}

/* Who ends a thread cannot go on later. */
static void test_one_of_many_is_woken_at_once(void **state)
{
    (void)state;
    for (unsigned i = 1; i < THREADS; i++)
        wait_at(&threads[i], address_of(0), 1U << i % 32);
    for (unsigned i = 1; i < THREADS; i++) {
        assert_int_equal(futex_wake(address_of(0), 1, FUTEX_ALL_BITS), 1);
        assert_null(next_piece);
        assert_int_equal(threads[i].state, THREAD_RUNNABLE);
    }
}

static void test_a_page_that_others_take_away_does_not_hold_the_call(void **state)
{
    (void)state;
    cpu.current = &threads[1];
    absent = 10;
    assert_int_equal(futex_wait(address_of(0), 0, 1, UINT64_MAX), 0);
    assert_int_equal(absent, 0);
    assert_int_equal(called_again, 0);
    cpu.current = &threads[2];
    absent = UINT32_MAX;
    futex_wait(address_of(0), 0, 1, UINT64_MAX);
    assert_int_equal(called_again, 1);
    assert_int_equal(threads[2].state, THREAD_RUNNABLE);
    nothing_there = true;
    assert_int_equal(futex_wait(address_of(0), 0, 1, UINT64_MAX), -EFAULT);
    assert_int_equal(called_again, 1);
    assert_int_equal(locks_held, 0);
}

/* A thread that runs again is not sent round for ever by those who requeue it. */
static void test_who_leaves_is_not_moved(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++)
        wait_at(&threads[i], address_of(0), 1);
    threads[2].parked.leaving = true;
    assert_int_equal(futex_requeue(address_of(0), 0, address_of(1), 2, NULL), 2);
    assert_int_equal(threads[2].parked.number, address_of(0));
    assert_int_equal(futex_requeue(address_of(0), 0, address_of(1), 2, NULL), 0);
    threads[2].state = THREAD_RUNNABLE;
    assert_true(park_leave(&threads[2]));
    wait_at(&threads[2], address_of(0), 1);
    assert_int_equal(futex_requeue(address_of(0), 0, address_of(1), 2, NULL), 1);
    assert_int_equal(futex_wake(address_of(1), 9, 1), 3);
}

static bool yes(const void *object)
{
    assert_ptr_equal(object, &process);
    assert_int_equal(locks_held, 1);
    return true;
}

static bool no(const void *object)
{
    (void)object;
    return false;
}

static void test_the_kernels_own_waits(void **state)
{
    (void)state;
    cpu.current = &threads[1];
    assert_false(park(&process, 3, no, WAIT_RESULT));
    assert_int_equal(threads[1].state, THREAD_RUNNABLE);
    assert_int_equal(unpark(&process, 3, 10), 0);
    for (unsigned i = 1; i <= 5; i++) {
        cpu.current = &threads[i];
        assert_true(park(&process, i == 3 ? 5 : 3, yes, WAIT_RESULT));
        assert_int_equal(threads[i].wait, WAIT_RESULT);
    }
    cpu.current = CALLER;
    assert_int_equal(unpark(&process, 3, 2), 2);
    for (unsigned i = 1; i <= 5; i++)
        assert_int_equal(threads[i].state, i < 3 ? THREAD_RUNNABLE : THREAD_BLOCKED);
    threads[4].state = THREAD_RUNNABLE;
    assert_true(park_leave(&threads[4]));
    assert_int_equal(unpark(&process, 3, 10), 1);
    assert_int_equal(threads[3].state, THREAD_BLOCKED);
    assert_int_equal(unpark(&process, 5, 10), 1);
    assert_false(park_leave(&threads[3]));
}

static void test_what_is_refused(void **state)
{
    (void)state;
    assert_int_equal(futex_wait(0x10000, 0, 0, UINT64_MAX), -EINVAL);
    assert_int_equal(futex_wake(0x10002, 1, 1), -EINVAL);
    assert_int_equal(futex_wake(0x10000, 1, 0), -EINVAL);
    assert_int_equal(futex_wake(0, 1, 1), -EFAULT);
    assert_int_equal(futex_requeue(0x10000, 1, 0x10001, 1, NULL), -EINVAL);
    assert_int_equal(futex_wait(0x10000, 1, 1, UINT64_MAX), -EAGAIN);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        test(test_calls_do_what_a_plain_list_does),
        test(test_a_call_is_about_those_who_waited_when_it_began),
        test(test_the_value_is_compared_once_at_first),
        test(test_a_piece_wakes_and_passes_over_a_bounded_number),
        test(test_one_of_many_is_woken_at_once),
        test(test_a_page_that_others_take_away_does_not_hold_the_call),
        test(test_who_leaves_is_not_moved),
        test(test_the_kernels_own_waits),
        test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
