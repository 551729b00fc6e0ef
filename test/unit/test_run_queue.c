// sources: src/task/run_queue.c test/unit/stubs.c
/* A run queue against a plain array: turns in order, leaving from the middle, and how far another CPU
 * looks. */
#include "stubs.h"
#include <string.h>

#include "task/run_queue.h"
#include "task/thread.h"

#define THREADS 100
#define LOOKS   16

unsigned cpu_count = 2;
static struct run_queue queue;
static struct {
    struct thread thread;
    uint64_t affinity;
} threads[THREADS];
static struct thread *model[THREADS];
static unsigned length;

static int begin(void **state)
{
    (void)state;
    memset(&queue, 0, sizeof queue);
    memset(threads, 0, sizeof threads);
    length = 0;
    return 0;
}

static void allow(struct thread *thread, uint64_t mask)
{
    thread->affinity[0] = mask;
}

static void push(struct thread *thread)
{
    run_queue_push(&queue, thread);
    model[length++] = thread;
}

static void forget(unsigned at)
{
    for (length--; at < length; at++)
        model[at] = model[at + 1];
}

static void check(void)
{
    unsigned at = 0;
    struct thread *previous = NULL;
    for (struct thread *thread = queue.head; thread; previous = thread, thread = thread->next) {
        assert_ptr_equal(thread, model[at++]);
        assert_ptr_equal(thread->previous, previous);
        assert_ptr_equal(thread->queue, &queue);
    }
    assert_ptr_equal(queue.tail, previous);
    assert_int_equal(at, length);
    assert_int_equal(queue.length, length);
}

static void test_turns_come_in_order_and_threads_leave_from_anywhere(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50000; round++) {
        struct thread *thread = &threads[random_below(THREADS)].thread;
        if (!thread->queue) {
            allow(thread, 1 + random_below(3));
            push(thread);
        } else if (random_below(4) == 0) {
            assert_ptr_equal(run_queue_take(&queue), model[0]);
            assert_null(model[0]->queue);
            forget(0);
        } else if (random_below(2)) {
            unsigned at = (unsigned)random_below(length);
            run_queue_remove(&queue, model[at]);
            assert_null(model[at]->queue);
            forget(at);
        } else {
            unsigned cpu = (unsigned)random_below(2), at = 0;
            while (at < length && at < LOOKS && !(model[at]->affinity[0] >> cpu & 1))
                at++;
            bool found = at < length && at < LOOKS;
            assert_ptr_equal(run_queue_steal(&queue, cpu), found ? model[at] : NULL);
            if (found)
                forget(at);
        }
        check();
    }
}

static void test_another_cpu_looks_at_the_first_few_and_the_own_one_takes_all(void **state)
{
    (void)state;
    assert_null(run_queue_take(&queue));
    assert_null(run_queue_steal(&queue, 1));
    for (unsigned i = 0; i < LOOKS; i++) {
        allow(&threads[i].thread, 1);
        push(&threads[i].thread);
    }
    allow(&threads[LOOKS].thread, 3);
    push(&threads[LOOKS].thread);
    assert_null(run_queue_steal(&queue, 1));
    assert_ptr_equal(run_queue_take(&queue), &threads[0].thread);
    assert_ptr_equal(run_queue_steal(&queue, 1), &threads[LOOKS].thread);
    allow(&threads[1].thread, 2); /* its mask has changed: its own CPU is to see it */
    assert_ptr_equal(run_queue_take(&queue), &threads[1].thread);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        test(test_turns_come_in_order_and_threads_leave_from_anywhere),
        test(test_another_cpu_looks_at_the_first_few_and_the_own_one_takes_all),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
