// sources: src/lib/tree.c test/unit/stubs.c
/* Trees against a sorted array: whatever comes and goes, the order is kept, siblings' heights differ by one
 * at most, and what each node knows of all below it is right. */
#include "stubs.h"
#include "lib/tree.h"
#include <string.h>

#define NODES 300
#define STEPS 20000

struct item {
    unsigned key, highest; /* highest: of all keys in the subtree */
    bool in;
    struct tree_node node;
};
static struct item items[NODES];

static struct item *item_of(struct tree_node *node)
{
    return node ? tree_entry(node, struct item, node) : NULL;
}

static bool update(struct tree_node *node)
{
    struct item *item = item_of(node), *left = item_of(node->left), *right = item_of(node->right);
    unsigned before = item->highest;
    item->highest = item->key;
    if (left && left->highest > item->highest)
        item->highest = left->highest;
    if (right && right->highest > item->highest)
        item->highest = right->highest;
    return item->highest != before;
}

static int check_below(struct tree_node *node, const struct tree_node *parent, bool updated)
{
    if (!node)
        return 0;
    assert_ptr_equal(node->parent, parent);
    int left = check_below(node->left, node, updated),
        right = check_below(node->right, node, updated);
    assert_in_range(left - right + 1, 0, 2);
    assert_int_equal(node->height, 1 + (left > right ? left : right));
    if (updated) {
        unsigned known = item_of(node)->highest;
        update(node);
        assert_int_equal(known, item_of(node)->highest);
    }
    return node->height;
}

/* Keys repeat: equal ones stand in the order in which they came. */
static void insert(struct tree *tree, struct item *item)
{
    struct tree_node *parent = NULL, **link = &tree->root;
    while (*link) {
        parent = *link;
        link = item->key < item_of(parent)->key ? &parent->left : &parent->right;
    }
    tree_insert(tree, &item->node, parent, link);
    item->in = true;
}

static void check(struct tree *tree, size_t count)
{
    check_below(tree->root, NULL, tree->update);
    size_t seen = 0;
    const struct tree_node *before = NULL;
    for (struct tree_node *node = tree_first(tree); node; node = tree_next(node), seen++) {
        assert_true(item_of(node)->in);
        assert_ptr_equal(tree_previous(node), before);
        if (before)
            assert_true(item_of((struct tree_node *)before)->key <= item_of(node)->key);
        before = node;
    }
    assert_ptr_equal(tree_last(tree), before);
    assert_int_equal(seen, count);
}

static void come_and_go(struct tree *tree, unsigned keys)
{
    size_t count = 0;
    memset(items, 0, sizeof items);
    for (unsigned step = 0; step < STEPS; step++) {
        struct item *item = &items[random_below(NODES)];
        /* Whole phases of growing and of shrinking. */
        bool grow = step / NODES % 4 < 2;
        if (!item->in && (grow || random_below(4) == 0)) {
            item->key = (unsigned)random_below(keys);
            insert(tree, item);
            count++;
        } else if (item->in && (!grow || random_below(4) == 0)) {
            tree_remove(tree, &item->node);
            item->in = false;
            count--;
        }
        if (step % 16 == 0)
            check(tree, count);
    }
    check(tree, count);
}

static void test_order_and_balance_are_kept(void **state)
{
    (void)state;
    struct tree plain = {0}, repeating = {0}, knowing = {.update = update};
    come_and_go(&plain, 1000000);
    come_and_go(&repeating, 5);
    come_and_go(&knowing, 1000000);
}

static void test_sorted_keys_make_no_list(void **state)
{
    (void)state;
    struct tree tree = {0};
    memset(items, 0, sizeof items);
    for (unsigned i = 0; i < NODES; i++) {
        items[i].key = i;
        insert(&tree, &items[i]);
    }
    check(&tree, NODES);
    assert_in_range(tree.root->height, 9, 11); /* 1.44 log2(300) is 11.8 */
}

static void test_change_of_what_a_node_knows_is_known_above(void **state)
{
    (void)state;
    struct tree tree = {.update = update};
    memset(items, 0, sizeof items);
    for (unsigned i = 0; i < NODES; i++) {
        items[i].key = i;
        insert(&tree, &items[i]);
    }
    items[NODES - 1].key = 5 * NODES; /* it stays the last */
    tree_changed(&tree, &items[NODES - 1].node);
    assert_int_equal(item_of(tree.root)->highest, 5 * NODES);
    check(&tree, NODES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_balance_are_kept),
        cmocka_unit_test(test_sorted_keys_make_no_list),
        cmocka_unit_test(test_change_of_what_a_node_knows_is_known_above),
    };
    return cmocka_run_group_tests(tests, seed_random, NULL);
}
