/* The robust list (Linux, Documentation/locking/robust-futex-ABI.rst): ring 3's own linked list, so
 * every pointer is suspect and the walk is bounded. */

#include "task/robust.h"
#include "mm/usercopy.h"
#include "task/futex.h"
#include "task/thread.h"
#include <linux/futex.h>

#define ENTRIES_A_PIECE 16 /* each may bring in three pages */

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

void robust_list_begin(struct robust_walk *walk, const struct thread *thread)
{
    struct robust_list_head head;
    *walk = (struct robust_walk){.entry = thread->robust_list};
    if (!thread->robust_list || copy_from_user(&head, thread->robust_list, sizeof(head)))
        return;
    walk->pending = (user_addr_t)head.list_op_pending & ~1UL; /* bit 0: priority inheritance */
    walk->entry = (user_addr_t)head.list.next & ~1UL;
    walk->offset = (uint64_t)head.futex_offset;
    walk->left = ROBUST_LIST_LIMIT;
}

bool robust_list_go_on(struct robust_walk *walk, const struct thread *thread)
{
    for (unsigned n = 0; walk->left && walk->entry != thread->robust_list; n++, walk->left--) {
        user_addr_t next;
        if (n == ENTRIES_A_PIECE)
            return false;
        if (copy_from_user(&next, walk->entry, sizeof(next)))
            return true;
        if (walk->entry != walk->pending)
            release(thread, walk->entry + walk->offset);
        walk->entry = next & ~1UL;
    }
    if (walk->pending)
        release(thread, walk->pending + walk->offset);
    return true;
}
