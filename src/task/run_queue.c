/* Run queues: lists that a thread can leave from the middle. */

#include "task/run_queue.h"
#include "task/thread.h"

#define STEAL_LOOKS 16

void run_queue_push(struct run_queue *queue, struct thread *thread)
{
    thread->next = NULL;
    thread->previous = queue->tail;
    thread->queue = queue;
    if (queue->head)
        queue->tail->next = thread;
    else
        queue->head = thread;
    queue->tail = thread;
    queue->length++;
}

void run_queue_remove(struct run_queue *queue, struct thread *thread)
{
    if (thread->previous)
        thread->previous->next = thread->next;
    else
        queue->head = thread->next;
    if (thread->next)
        thread->next->previous = thread->previous;
    else
        queue->tail = thread->previous;
    thread->queue = NULL;
    queue->length--;
}

struct thread *run_queue_take(struct run_queue *queue)
{
    struct thread *thread = queue->head;
    if (thread)
        run_queue_remove(queue, thread);
    return thread;
}

struct thread *run_queue_steal(struct run_queue *queue, unsigned cpu)
{
    struct thread *thread = queue->head;
    for (unsigned looks = 0; thread && looks < STEAL_LOOKS; looks++, thread = thread->next) {
        if (thread_allowed(thread, cpu)) {
            run_queue_remove(queue, thread);
            return thread;
        }
    }
    return NULL;
}
