/* Pools of equal small kernel objects, cut from single frames. A frame whose objects are all free
 * goes back to the frame allocator, so an idle kernel holds none. */
#pragma once

#include "cpu/spinlock.h"
#include <stddef.h>

struct pool_page;

struct pool {
    const char *name;
    size_t object_size;        /* bytes, 8..1024 */
    struct spinlock lock;      /* rank LOCK_POOL; guards what follows */
    struct pool_page *partial; /* frames with at least one free object */
};

#define POOL(name_, type_)                                                                         \
    {                                                                                              \
        .name = (name_), .object_size = sizeof(type_), .lock = SPINLOCK(name_, LOCK_POOL)          \
    }

/* A zeroed object, or NULL when memory is exhausted. */
void *pool_alloc(struct pool *pool);
void pool_free(struct pool *pool, void *object);
