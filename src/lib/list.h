/* Doubly linked lists, built into what they hold: rings through a head. Nothing here allocates or locks, and
 * every step is constant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A head, or a member of a list; a member's `next` is NULL while it is in none. */
struct list {
    struct list *next, *prev;
};

/* The struct that holds the member, as in list_entry(link, struct thread, sibling). */
#define list_entry(link_, type, member)                                                            \
    ((type *)(void *)((char *)(link_) - __builtin_offsetof(type, member)))

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_linked(const struct list *link)
{
    return link->next;
}

static inline void list_insert(struct list *before, struct list *link, struct list *after)
{
    link->prev = before;
    link->next = after;
    before->next = link;
    after->prev = link;
}

static inline void list_prepend(struct list *head, struct list *link)
{
    list_insert(head, link, head->next);
}

static inline void list_append(struct list *head, struct list *link)
{
    list_insert(head->prev, link, head);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = NULL;
}

/* Takes out the first of a list that is not empty. */
static inline struct list *list_take_first(struct list *head)
{
    struct list *first = head->next;
    head->next = first->next;
    first->next->prev = head;
    first->next = NULL;
    return first;
}

/* Moves all members to the end of another list. */
static inline void list_move_all(struct list *from, struct list *to)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}
