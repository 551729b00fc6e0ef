/* Balanced binary trees (AVL: the heights of two siblings differ by one at most), built into what they
 * hold. Who has a tree knows its order, so he finds places himself; this keeps it low. Nothing here
 * allocates, locks or recurses, and each step is bounded by the tree's height: 1.44 log2(n). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct tree_node {
    struct tree_node *parent, *left, *right; /* left: before it in order */
    int height;                              /* 1: no child */
};

struct tree {
    struct tree_node *root;
    /* What a node knows of all below it is made anew from its two children: whether that changed it. Or NULL. */
    bool (*update)(struct tree_node *node);
};

/* The struct that holds the node, as in tree_entry(node, struct area, node). */
#define tree_entry(node_, type, member)                                                            \
    ((type *)(void *)((char *)(node_) - __builtin_offsetof(type, member)))

/* Puts a node into an empty place, which the caller has found: *link is a child of `parent`, or the root
 * (parent is NULL then), and NULL.
 *
 *     struct tree_node *parent = NULL, **link = &tree->root;
 *     while (*link) {
 *         parent = *link;
 *         link = comes_before(node, parent) ? &parent->left : &parent->right;
 *     }
 *     tree_insert(tree, node, parent, link);
 */
void tree_insert(struct tree *tree, struct tree_node *node, struct tree_node *parent,
                 struct tree_node **link);

/* Takes a node out that is in the tree. */
void tree_remove(struct tree *tree, struct tree_node *node);

/* What the node knows has changed: tells all above it. */
void tree_changed(struct tree *tree, struct tree_node *node);

/* In order; NULL at the end, and of an empty tree. */
struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_last(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_previous(const struct tree_node *node);
