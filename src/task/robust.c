/* The robust list (Linux, Documentation/locking/robust-futex-ABI.rst): ring 3's own linked list, so
 * every pointer is suspect and the walk is bounded. */

#include "task/robust.h"
#include "mm/usercopy.h"
#include "task/futex.h"
#include "task/thread.h"
#include <linux/futex.h>

static void release(const struct thread *thread, user_addr_t address)
{
    uint32_t word;
    if (address % sizeof(word) || copy_from_user(&word, address, sizeof(word)))
        return;
    if ((word & FUTEX_TID_MASK) != (uint32_t)thread->tid)
        return;
    /* No other thread changes a word that carries this thread's id but by setting FUTEX_WAITERS,
     * and the waiter who does looks at the word again before it sleeps: wake it in any case. */
    word = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    if (!copy_to_user(address, &word, sizeof(word)))
        futex_wake(address, 1, FUTEX_ALL_BITS);
}

void robust_list_release(struct thread *thread)
{
    struct robust_list_head head;
    if (!thread->robust_list || copy_from_user(&head, thread->robust_list, sizeof(head)))
        return;
    user_addr_t pending =
        (user_addr_t)head.list_op_pending & ~1UL; /* bit 0: priority inheritance */
    user_addr_t entry = (user_addr_t)head.list.next & ~1UL;
    for (unsigned n = 0; entry != thread->robust_list && n < ROBUST_LIST_LIMIT; n++) {
        user_addr_t next;
        if (copy_from_user(&next, entry, sizeof(next)))
            return;
        if (entry != pending)
            release(thread, entry + (uint64_t)head.futex_offset);
        entry = next & ~1UL;
    }
    if (pending)
        release(thread, pending + (uint64_t)head.futex_offset);
}
