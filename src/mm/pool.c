/* Pools of equal small objects. Each frame opens with a header whose bitmap says which of its
 * objects are free: a second free, or a pointer that is no object of this pool, is seen for
 * certain, and a write to a freed object cannot harm the bookkeeping. */
#include "mm/pool.h"
#include "cpu/panic.h"
#include "lib/string.h"
#include "mm/frames.h"

#define OBJECT_MIN  8
#define OBJECT_MAX  1024
#define HEADER_SIZE 128 /* keeps objects aligned as far as their size is, up to 128 bytes */
#define MAP_BITS    64
#define MAP_WORDS   ((PAGE_SIZE - HEADER_SIZE) / OBJECT_MIN / MAP_BITS + 1)

struct pool_page {
    struct pool *owner;
    struct pool_page *next, *prev;
    size_t free;             /* objects */
    uint64_t map[MAP_WORDS]; /* a set bit is a free object */
};
_Static_assert(sizeof(struct pool_page) <= HEADER_SIZE, "objects begin behind the header");

static size_t capacity(const struct pool *pool)
{
    return (PAGE_SIZE - HEADER_SIZE) / pool->object_size;
}

static void link_page(struct pool *pool, struct pool_page *page)
{
    page->prev = NULL;
    page->next = pool->partial;
    if (page->next)
        page->next->prev = page;
    pool->partial = page;
}

static void unlink_page(struct pool *pool, struct pool_page *page)
{
    if (page->prev)
        page->prev->next = page->next;
    else
        pool->partial = page->next;
    if (page->next)
        page->next->prev = page->prev;
}

static struct pool_page *add_page(struct pool *pool)
{
    if (pool->object_size < OBJECT_MIN || pool->object_size > OBJECT_MAX)
        panic("pool %s: objects of %zu bytes", pool->name, pool->object_size);
    phys_addr_t frame = frame_alloc();
    if (frame == 0)
        return NULL;
    struct pool_page *page = phys_to_virt(frame);
    *page = (struct pool_page){.owner = pool, .free = capacity(pool)};
    for (size_t i = 0; i < page->free; i++)
        page->map[i / MAP_BITS] |= 1UL << i % MAP_BITS;
    link_page(pool, page);
    return page;
}

void *pool_alloc(struct pool *pool)
{
    void *object = NULL;

    spin_lock(&pool->lock);
    struct pool_page *page = pool->partial ? pool->partial : add_page(pool);
    if (page) {
        size_t word = 0;
        while (page->map[word] == 0)
            word++;
        size_t index = word * MAP_BITS + (size_t)__builtin_ctzl(page->map[word]);
        page->map[word] &= page->map[word] - 1;
        if (--page->free == 0)
            unlink_page(pool, page);
        object = (char *)page + HEADER_SIZE + index * pool->object_size;
    }
    spin_unlock(&pool->lock);

    if (object)
        memset(object, 0, pool->object_size);
    return object;
}

void pool_free(struct pool *pool, void *object)
{
    if (!object)
        return;
    size_t offset = (uintptr_t)object % PAGE_SIZE - HEADER_SIZE; /* huge inside the header */
    size_t index = offset / pool->object_size;
    struct pool_page *page = (struct pool_page *)((uintptr_t)object & PAGE_MASK);

    spin_lock(&pool->lock);
    if (page->owner != pool || index >= capacity(pool) || offset % pool->object_size != 0)
        panic("pool %s: %p is not one of its objects", pool->name, object);
    uint64_t *word = &page->map[index / MAP_BITS], bit = 1UL << index % MAP_BITS;
    if (*word & bit)
        panic("pool %s: %p freed twice", pool->name, object);
    *word |= bit;
    if (page->free++ == 0)
        link_page(pool, page);
    if (page->free == capacity(pool)) {
        unlink_page(pool, page);
        frame_put(virt_to_phys(page));
    }
    spin_unlock(&pool->lock);
}
