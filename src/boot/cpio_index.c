/* Two trees over the entries: one by name, which stays, and one by contents, in which the names that the
 * format left empty find them. */
#include "boot/cpio_index.h"

#include <asm/errno.h>
#include <stdbool.h>

#include "lib/string.h"
#include "mm/pool.h"

struct indexed {
    struct tree_node node;
    struct cpio_entry entry;
};

typedef int order_fn(const struct cpio_entry *a, const struct cpio_entry *b); /* as strcmp */

static struct pool entry_pool = POOL("initramfs", struct indexed);

static struct cpio_entry *entry_of(struct tree_node *node)
{
    return &tree_entry(node, struct indexed, node)->entry;
}

static int by_name(const struct cpio_entry *a, const struct cpio_entry *b)
{
    return strcmp(a->name, b->name);
}

static int by_contents(const struct cpio_entry *a, const struct cpio_entry *b)
{
    const uint32_t left[] = {a->ino, a->dev_major, a->dev_minor, a->nlink, a->mode};
    const uint32_t right[] = {b->ino, b->dev_major, b->dev_minor, b->nlink, b->mode};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

/* Takes the place of one that is equal. 0 or -ENOMEM. */
static int put(struct tree *tree, order_fn *order, const struct cpio_entry *entry)
{
    struct tree_node *parent = NULL, **link = &tree->root;
    while (*link) {
        parent = *link;
        int which = order(entry, entry_of(parent));
        if (!which) {
            *entry_of(parent) = *entry;
            return 0;
        }
        link = which < 0 ? &parent->left : &parent->right;
    }
    struct indexed *indexed = pool_alloc(&entry_pool);
    if (!indexed)
        return -ENOMEM;
    indexed->entry = *entry;
    tree_insert(tree, &indexed->node, parent, link);
    return 0;
}

/* The first that is equal to the entry or behind it. */
static struct cpio_entry *from(const struct tree *tree, order_fn *order,
                               const struct cpio_entry *entry)
{
    struct cpio_entry *best = NULL;
    for (struct tree_node *node = tree->root; node;) {
        bool behind = order(entry, entry_of(node)) > 0;
        if (!behind)
            best = entry_of(node);
        node = behind ? node->right : node->left;
    }
    return best;
}

static bool has_more_names(const struct cpio_entry *entry)
{
    return (entry->mode & CPIO_TYPE) == CPIO_REGULAR && entry->nlink > 1;
}

static void fill_names(const struct tree *names, const struct tree *contents)
{
    for (struct tree_node *node = tree_first(names); node; node = tree_next(node)) {
        struct cpio_entry *entry = entry_of(node);
        if (!has_more_names(entry) || entry->size)
            continue;
        const struct cpio_entry *full = from(contents, by_contents, entry);
        if (full && !by_contents(full, entry)) {
            entry->data = full->data;
            entry->size = full->size;
        }
    }
}

static void drop(struct tree *tree)
{
    while (tree->root) {
        struct tree_node *node = tree->root;
        tree_remove(tree, node);
        pool_free(&entry_pool, tree_entry(node, struct indexed, node));
    }
}

static void skip_root(struct cpio_entry *entry)
{
    const char *name = entry->name;
    while (name[0] == '/' || (name[0] == '.' && (name[1] == '/' || name[1] == '\0')))
        name++;
    entry->name_length -= (size_t)(name - entry->name);
    entry->name = name;
}

int cpio_index_make(struct cpio_index *index, const void *archive, size_t length,
                    struct parse_error *error)
{
    struct tree contents = {0};
    struct cpio_entry entry;
    size_t offset = 0;
    int result;
    *index = (struct cpio_index){0};
    while ((result = cpio_next(archive, length, &offset, &entry, error)) == 1) {
        index->entries++;
        skip_root(&entry);
        if (put(&index->names, by_name, &entry) ||
            (has_more_names(&entry) && entry.size && put(&contents, by_contents, &entry)))
            return -ENOMEM;
    }
    if (!result)
        fill_names(&index->names, &contents);
    drop(&contents);
    return result;
}

const struct cpio_entry *cpio_index_from(const struct cpio_index *index, const char *path)
{
    const struct cpio_entry wanted = {.name = path};
    return from(&index->names, by_name, &wanted);
}

const struct cpio_entry *cpio_index_next(const struct cpio_entry *entry)
{
    const struct tree_node *node =
        &((const struct indexed *)((const char *)entry - offsetof(struct indexed, entry)))->node;
    struct tree_node *next = tree_next(node);
    return next ? entry_of(next) : NULL;
}

const struct cpio_entry *cpio_index_find(const struct cpio_index *index, const char *path)
{
    const struct cpio_entry *entry = cpio_index_from(index, path);
    return entry && !strcmp(entry->name, path) ? entry : NULL;
}
