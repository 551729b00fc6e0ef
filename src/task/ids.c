/* Ids in use, in a tree by number. Numbers are handed out in rising order and begin again at the end. */

#include "task/ids.h"
#include <asm/errno.h>

#define SEARCH_MAX 16384 /* numbers in use, in a row, that one search passes over */

static struct tree ids;
static int next_number = 1;

static struct task_id *entry(struct tree_node *node)
{
    return node ? tree_entry(node, struct task_id, node) : NULL;
}

static int after(int number)
{
    return number + 1 < ID_MAX ? number + 1 : 1;
}

/* False: the number is in use. */
static bool insert(struct task_id *id)
{
    struct tree_node *parent = NULL, **link = &ids.root;
    while (*link) {
        parent = *link;
        int number = entry(parent)->number;
        if (id->number == number)
            return false;
        link = id->number < number ? &parent->left : &parent->right;
    }
    tree_insert(&ids, &id->node, parent, link);
    return true;
}

/* From a number that is in use on, the first that is not; or 0, and *number is where the search ended. */
static bool skip_used(int *number)
{
    const struct task_id *used = ids_find(*number);
    for (unsigned n = 0; n < SEARCH_MAX; n++) {
        *number = after(*number);
        used = *number == 1 ? entry(tree_first(&ids)) : used ? ids_next(used) : NULL;
        if (!used || used->number != *number)
            return true;
    }
    return false;
}

int ids_take(struct task_id *id)
{
    id->number = next_number;
    if (!insert(id)) {
        if (!skip_used(&id->number)) {
            next_number = id->number;
            return -EAGAIN;
        }
        insert(id);
    }
    next_number = after(id->number);
    return 0;
}

void ids_give_back(struct task_id *id)
{
    tree_remove(&ids, &id->node);
}

struct task_id *ids_find(int number)
{
    struct task_id *id = entry(ids.root);
    while (id && id->number != number)
        id = entry(number < id->number ? id->node.left : id->node.right);
    return id;
}

struct task_id *ids_above(int number)
{
    struct task_id *best = NULL;
    for (struct task_id *id = entry(ids.root); id;) {
        if (id->number > number)
            best = id;
        id = entry(id->number > number ? id->node.left : id->node.right);
    }
    return best;
}

struct task_id *ids_next(const struct task_id *id)
{
    return entry(tree_next(&id->node));
}

bool ids_empty(void)
{
    return !ids.root;
}
