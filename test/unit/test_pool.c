// sources: src/mm/pool.c src/mm/frames.c test/unit/stubs.c
// flags: -DDIRECT_MAP_BASE=0x200000000000UL
/* Object pools over the real frame allocator: what they hand out, what they give back, and the
 * wrong uses they must see. */
#include "stubs.h"
#include "mm/frames.h"
#include "mm/pool.h"
#include <string.h>
#include <sys/mman.h>

#define MIB   0x100000UL
#define ARENA (3 * MIB)

static int map_arena(void **state)
{
    void *arena = mmap(phys_to_virt(0), ARENA, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return arena == phys_to_virt(0) ? seed_random(state) : -1;
}

/* Fresh memory, dirty throughout, for each test. */
static int init_frames(void **state)
{
    (void)state;
    const struct phys_range usable = {MIB, ARENA - MIB};
    memset(phys_to_virt(0), 0xa5, ARENA);
    return frames_init(&usable, 1, NULL, 0);
}

static struct pool pool_of(size_t object_size)
{
    return (struct pool){
        .name = "test", .object_size = object_size, .lock = SPINLOCK("test", LOCK_POOL)};
}

static bool all_bytes_are(const void *memory, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (((const unsigned char *)memory)[i] != value)
            return false;
    }
    return true;
}

/* Takes two frames' worth and one more, marks each object, and only then looks at the marks. */
static void check_size(size_t size)
{
    static void *objects[2048];
    struct pool pool = pool_of(size);
    size_t free = frames_free(), count = 0, in_first = 0;

    while (free - frames_free() < 3) {
        unsigned char *object = objects[count] = pool_alloc(&pool);
        assert_non_null(object);
        assert_true(all_bytes_are(object, size, 0));
        assert_int_equal((uintptr_t)object / PAGE_SIZE, ((uintptr_t)object + size - 1) / PAGE_SIZE);
        assert_int_equal((uintptr_t)object & ((size & -size) - 1) & 127, 0);
        memset(object, (int)(count % 251) + 1, size);
        in_first += ((uintptr_t)object ^ (uintptr_t)objects[0]) < PAGE_SIZE;
        count++;
    }
    assert_int_equal(count, 2 * in_first + 1);
    assert_int_equal(in_first, (PAGE_SIZE - 128) / size);
    for (size_t i = 0; i < count; i++)
        assert_true(all_bytes_are(objects[i], size, (unsigned char)(i % 251 + 1)));
    for (size_t i = 0; i < count; i++)
        pool_free(&pool, objects[i]);
    assert_int_equal(frames_free(), free);
    assert_null(pool.partial);
}

static void test_objects_of_every_size_are_zeroed_aligned_and_never_overlap(void **state)
{
    (void)state;
    for (size_t size = 8; size <= 1024; size++)
        check_size(size);
}

static void check_size_panics(size_t size)
{
    struct pool pool = pool_of(size);
    EXPECT_PANIC(pool_alloc(&pool));
    assert_non_null(strstr(panic_text, "pool test: objects of "));
}

static void test_a_size_out_of_range_panics(void **state)
{
    (void)state;
    check_size_panics(0);
    check_size_panics(7);
    check_size_panics(1025);
    check_size_panics(PAGE_SIZE);
}

static void test_a_frame_goes_back_with_its_last_object_and_not_before(void **state)
{
    (void)state;
    struct pool pool = pool_of(1024);
    size_t free = frames_free();
    void *a = pool_alloc(&pool), *b = pool_alloc(&pool), *c = pool_alloc(&pool);
    assert_int_equal(frames_free(), free - 1);
    pool_free(&pool, b);
    pool_free(&pool, a);
    assert_int_equal(frames_free(), free - 1);
    pool_free(&pool, c);
    assert_int_equal(frames_free(), free);
}

static void test_a_hole_is_filled_before_a_frame_is_added(void **state)
{
    (void)state;
    struct pool pool = pool_of(1024);
    void *objects[9];
    for (int i = 0; i < 9; i++)
        objects[i] = pool_alloc(&pool);
    size_t free = frames_free();
    pool_free(&pool, objects[4]); /* the middle frame of three full ones */
    assert_ptr_equal(pool_alloc(&pool), objects[4]);
    assert_int_equal(frames_free(), free);
    assert_non_null(pool_alloc(&pool));
    assert_int_equal(frames_free(), free - 1);
}

static void test_exhausted_memory_gives_null_and_recovers(void **state)
{
    (void)state;
    struct pool pool = pool_of(1000);
    void *last = NULL, *object;
    size_t count = 0;
    while ((object = pool_alloc(&pool))) {
        last = object;
        count++;
    }
    assert_int_equal(count, frames_total() * 3);
    assert_int_equal(frames_free(), 0);
    assert_null(pool_alloc(&pool));
    pool_free(&pool, NULL); /* what a failed allocation gave may be freed */
    pool_free(&pool, last);
    assert_ptr_equal(pool_alloc(&pool), last);
    assert_null(pool_alloc(&pool));
}

static void test_a_second_free_panics(void **state)
{
    (void)state;
    struct pool pool = pool_of(24);
    char *a = pool_alloc(&pool), *b = pool_alloc(&pool);
    pool_free(&pool, a);
    EXPECT_PANIC(pool_free(&pool, a));
    assert_non_null(strstr(panic_text, "freed twice"));
    pool_free(&pool, b); /* the frame goes back */
    EXPECT_PANIC(pool_free(&pool, b));
}

static void test_a_pointer_that_is_no_object_of_the_pool_panics(void **state)
{
    (void)state;
    struct pool pool = pool_of(40), other = pool_of(40);
    char *object = pool_alloc(&pool), *foreign = pool_alloc(&other);
    char *page = (char *)((uintptr_t)object & PAGE_MASK);
    size_t capacity = (PAGE_SIZE - 128) / 40;
    char *const wrong[] = {
        foreign,                    /* another pool's */
        object + 1,                 /* inside an object */
        object + 40,                /* never handed out */
        page,                       /* the header */
        page + 127,                 /* its end */
        object + capacity * 40,     /* behind the last object */
        page + 8 * PAGE_SIZE + 128, /* a frame that no pool has */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        EXPECT_PANIC(pool_free(&pool, wrong[i]));
        assert_non_null(strstr(panic_text, "pool test: "));
    }
    pool_free(&pool, object);
    pool_free(&other, foreign);
    assert_int_equal(frames_free(), frames_total());
}

static void test_random_operations_leave_every_object_intact_and_no_frame_behind(void **state)
{
    (void)state;
    enum { POOLS = 4, OBJECTS = 1500 };
    static const size_t sizes[POOLS] = {8, 56, 320, 1024};
    static struct pool pools[POOLS];
    static struct {
        unsigned char *object;
        unsigned pool, mark;
    } slots[OBJECTS];

    for (int i = 0; i < POOLS; i++)
        pools[i] = pool_of(sizes[i]);
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < 100000; i++) {
        size_t n = random_below(OBJECTS);
        if (slots[n].object) {
            size_t size = sizes[slots[n].pool];
            assert_true(all_bytes_are(slots[n].object, size, (unsigned char)slots[n].mark));
            pool_free(&pools[slots[n].pool], slots[n].object);
            slots[n].object = NULL;
        } else {
            slots[n].pool = (unsigned)random_below(POOLS);
            slots[n].mark = (unsigned)random_below(255) + 1;
            slots[n].object = pool_alloc(&pools[slots[n].pool]);
            if (!slots[n].object) {
                assert_int_equal(frames_free(), 0);
                continue;
            }
            size_t size = sizes[slots[n].pool];
            assert_true(all_bytes_are(slots[n].object, size, 0));
            memset(slots[n].object, (int)slots[n].mark, size);
        }
    }
    for (size_t n = 0; n < OBJECTS; n++)
        pool_free(&pools[slots[n].pool], slots[n].object);
    assert_int_equal(frames_free(), frames_total());
    assert_int_equal(locks_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_objects_of_every_size_are_zeroed_aligned_and_never_overlap,
                               init_frames),
        cmocka_unit_test_setup(test_a_size_out_of_range_panics, init_frames),
        cmocka_unit_test_setup(test_a_frame_goes_back_with_its_last_object_and_not_before,
                               init_frames),
        cmocka_unit_test_setup(test_a_hole_is_filled_before_a_frame_is_added, init_frames),
        cmocka_unit_test_setup(test_exhausted_memory_gives_null_and_recovers, init_frames),
        cmocka_unit_test_setup(test_a_second_free_panics, init_frames),
        cmocka_unit_test_setup(test_a_pointer_that_is_no_object_of_the_pool_panics, init_frames),
        cmocka_unit_test_setup(test_random_operations_leave_every_object_intact_and_no_frame_behind,
                               init_frames),
    };
    return cmocka_run_group_tests(tests, map_arena, NULL);
}
