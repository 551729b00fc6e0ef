/* AVL trees. After a node has come or gone, one walk from there to the root makes all heights right and
 * turns where two siblings differ by two. */

#include "lib/tree.h"

static int height(const struct tree_node *node)
{
    return node ? node->height : 0;
}

/* Whether anything is not as it was. */
static bool measure(const struct tree *tree, struct tree_node *node)
{
    int left = height(node->left), right = height(node->right), before = node->height;
    node->height = 1 + (left > right ? left : right);
    bool changed = tree->update && tree->update(node);
    return changed || node->height != before;
}

/* Where the tree points to the node from. */
static struct tree_node **link_to(struct tree *tree, const struct tree_node *node)
{
    if (!node->parent)
        return &tree->root;
    return node->parent->left == node ? &node->parent->left : &node->parent->right;
}

/* Puts `by`, which may be NULL, in the node's place below its parent. */
static void replace(struct tree *tree, const struct tree_node *node, struct tree_node *by)
{
    *link_to(tree, node) = by;
    if (by)
        by->parent = node->parent;
}

/* The right child comes up, and the node becomes its left one. Returns what is on top now. */
static struct tree_node *turn_left(struct tree *tree, struct tree_node *node)
{
    struct tree_node *up = node->right;
    replace(tree, node, up);
    node->right = up->left;
    if (node->right)
        node->right->parent = node;
    up->left = node;
    node->parent = up;
    measure(tree, node);
    measure(tree, up);
    return up;
}

static struct tree_node *turn_right(struct tree *tree, struct tree_node *node)
{
    struct tree_node *up = node->left;
    replace(tree, node, up);
    node->left = up->right;
    if (node->left)
        node->left->parent = node;
    up->right = node;
    node->parent = up;
    measure(tree, node);
    measure(tree, up);
    return up;
}

/* From the lowest node that has other children than before, up to where nothing changes any more. With
 * `all`, up to the root: one on the way is new in its place, and knows what it knew elsewhere. */
static void rebalance(struct tree *tree, struct tree_node *node, bool all)
{
    for (; node; node = node->parent) {
        int lean = height(node->left) - height(node->right);
        if (lean > 1) {
            if (height(node->left->left) < height(node->left->right))
                turn_left(tree, node->left);
            node = turn_right(tree, node);
        } else if (lean < -1) {
            if (height(node->right->right) < height(node->right->left))
                turn_right(tree, node->right);
            node = turn_left(tree, node);
        } else if (!measure(tree, node) && !(all && tree->update)) {
            return;
        }
    }
}

void tree_insert(struct tree *tree, struct tree_node *node, struct tree_node *parent,
                 struct tree_node **link)
{
    node->parent = parent;
    node->left = node->right = NULL;
    node->height = 1;
    *link = node;
    if (tree->update)
        tree->update(node);
    rebalance(tree, parent, false);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
    struct tree_node *from;
    bool moved = node->left && node->right;
    if (moved) {
        /* The next in order, which has no left child, takes its place. */
        struct tree_node *next = tree_next(node);
        from = next->parent == node ? next : next->parent;
        replace(tree, next, next->right);
        next->left = node->left;
        next->right = node->right; /* no longer `next`, should it have been */
        next->height = node->height;
        next->left->parent = next;
        if (next->right)
            next->right->parent = next;
        replace(tree, node, next);
    } else {
        from = node->parent;
        replace(tree, node, node->left ? node->left : node->right);
    }
    rebalance(tree, from, moved);
}

void tree_changed(struct tree *tree, struct tree_node *node)
{
    while (node && measure(tree, node))
        node = node->parent;
}

struct tree_node *tree_first(const struct tree *tree)
{
    struct tree_node *node = tree->root;
    while (node && node->left)
        node = node->left;
    return node;
}

struct tree_node *tree_last(const struct tree *tree)
{
    struct tree_node *node = tree->root;
    while (node && node->right)
        node = node->right;
    return node;
}

struct tree_node *tree_next(const struct tree_node *node)
{
    if (node->right) {
        struct tree_node *next = node->right;
        while (next->left)
            next = next->left;
        return next;
    }
    while (node->parent && node == node->parent->right)
        node = node->parent;
    return node->parent;
}

struct tree_node *tree_previous(const struct tree_node *node)
{
    if (node->left) {
        struct tree_node *previous = node->left;
        while (previous->right)
            previous = previous->right;
        return previous;
    }
    while (node->parent && node == node->parent->left)
        node = node->parent;
    return node->parent;
}
