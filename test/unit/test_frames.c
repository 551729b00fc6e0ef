// sources: src/mm/frames.c test/unit/stubs.c
// flags: -DDIRECT_MAP_BASE=0x200000000000UL
/* The frame allocator over pretended memory maps. Only the frames that a map makes usable are
 * mapped here: a touch of any other is a fault. */
#include "stubs.h"
#include "mm/frames.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MIB           0x100000UL
#define GIB           0x40000000UL
#define ARENA         (8 * GIB)
#define COUNT(ranges) (sizeof(ranges) / sizeof *(ranges))

static void *at(phys_addr_t pa)
{
    return (char *)phys_to_virt(0) + pa;
}

static int map_arena(void **state)
{
    void *arena = mmap(at(0), ARENA, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    return arena == at(0) ? seed_random(state) : -1;
}

static int unmap_arena(void **state)
{
    (void)state;
    return munmap(at(0), ARENA);
}

/* Forgets the memory's contents too. */
static void allow(phys_addr_t base, uint64_t size, int protection)
{
    void *piece = mmap(at(base), size, protection,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    assert_ptr_equal(piece, at(base));
}

/* One usable range of whole frames from 1 MiB on, `size` bytes long, and nothing reserved. */
static void init_simple(uint64_t size)
{
    const struct phys_range usable = {MIB, size};
    allow(0, ARENA, PROT_NONE);
    allow(MIB, size, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(&usable, 1, NULL, 0), 0);
}

static void test_every_frame_is_handed_out_once_and_lowest_first(void **state)
{
    (void)state;
    init_simple(3 * MIB);
    /* 1,024 words make one frame of bookkeeping, the lowest. */
    assert_int_equal(frames_end(), 4 * MIB);
    assert_int_equal(frames_total(), 767);
    for (phys_addr_t expected = MIB + PAGE_SIZE; expected < 4 * MIB; expected += PAGE_SIZE) {
        assert_int_equal(frames_free(), (4 * MIB - expected) / PAGE_SIZE);
        assert_int_equal(frame_alloc(), expected);
        assert_int_equal(frame_refs(expected), 1);
    }
    assert_int_equal(frames_free(), 0);
}

static void test_exhausted_memory_gives_zero_and_recovers(void **state)
{
    (void)state;
    init_simple(MIB);
    while (frame_alloc() != 0)
        ;
    assert_int_equal(frame_alloc(), 0);
    assert_int_equal(frame_alloc_zeroed(), 0);
    assert_int_equal(frames_free(), 0);
    frame_put(MIB + 7 * PAGE_SIZE);
    assert_int_equal(frames_free(), 1);
    assert_int_equal(frame_alloc(), MIB + 7 * PAGE_SIZE);
    assert_int_equal(frame_alloc(), 0);
    assert_int_equal(frames_total(), 255);
}

static void test_freed_frames_come_back_last_freed_first(void **state)
{
    (void)state;
    init_simple(MIB);
    phys_addr_t a = frame_alloc(), b = frame_alloc(), c = frame_alloc();
    frame_put(a);
    frame_put(c);
    frame_put(b);
    assert_int_equal(frame_alloc(), b);
    assert_int_equal(frame_alloc(), c);
    assert_int_equal(frame_alloc(), a);
    assert_int_equal(frame_alloc(), c + PAGE_SIZE);
}

static void test_a_frame_lives_until_its_last_reference_is_dropped(void **state)
{
    (void)state;
    init_simple(MIB);
    phys_addr_t frame = frame_alloc();
    size_t free = frames_free();
    for (uint32_t refs = 2; refs <= 100; refs++) {
        frame_get(frame);
        assert_int_equal(frame_refs(frame), refs);
    }
    for (uint32_t refs = 99; refs > 0; refs--) {
        frame_put(frame);
        assert_int_equal(frame_refs(frame), refs);
        assert_int_equal(frames_free(), free);
    }
    frame_put(frame);
    assert_int_equal(frames_free(), free + 1);
    EXPECT_PANIC(frame_refs(frame));
}

static void test_a_zeroed_frame_is_zeroed_and_its_neighbours_are_not(void **state)
{
    (void)state;
    init_simple(MIB);
    phys_addr_t first = frame_alloc(), second = frame_alloc(), third = frame_alloc();
    memset(at(first), 0xa5, 3 * PAGE_SIZE);
    frame_put(second);
    assert_int_equal(frame_alloc_zeroed(), second);
    for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
        assert_int_equal(*(unsigned char *)at(first + i), i / PAGE_SIZE == 1 ? 0 : 0xa5);
    assert_int_equal(third, second + PAGE_SIZE);
}

static void test_a_broken_reference_panics_and_names_the_frame(void **state)
{
    (void)state;
    init_simple(MIB);
    phys_addr_t frame = frame_alloc(), freed = frame_alloc();
    frame_put(freed);
    ((uint32_t *)at(MIB))[2 * MIB / PAGE_SIZE] = 1; /* behind the last word */
    const phys_addr_t wrong[] = {
        0,                 /* frame 0 */
        freed,             /* dropped already */
        freed + PAGE_SIZE, /* never handed out */
        frame + 1,         /* inside a frame */
        0x9f000,           /* below 1 MiB */
        MIB,               /* the bookkeeping */
        2 * MIB,           /* one past the end */
        1UL << 63,         /* nowhere */
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char name[32];
        EXPECT_PANIC(frame_put(wrong[i]));
        snprintf(name, sizeof name, "frame_put: 0x%lx ", wrong[i]);
        assert_ptr_equal(strstr(panic_text, name), panic_text);
        EXPECT_PANIC(frame_get(wrong[i]));
        EXPECT_PANIC(frame_refs(wrong[i]));
    }
    assert_int_equal(frame_refs(frame), 1);
}

static void test_the_reference_count_does_not_overflow(void **state)
{
    (void)state;
    init_simple(MIB);
    phys_addr_t frame = frame_alloc();
    uint32_t *word = (uint32_t *)at(MIB) + frame / PAGE_SIZE; /* the bookkeeping's place */
    assert_int_equal(*word, 1);
    *word = 0x7ffffffe;
    frame_get(frame);
    assert_int_equal(frame_refs(frame), 0x7fffffff);
    EXPECT_PANIC(frame_get(frame));
}

static void test_memory_below_one_mebibyte_is_left_alone(void **state)
{
    (void)state;
    const struct phys_range usable[] = {{0, 0x9fc00}, {0x80000, 2 * MIB}};
    allow(0, ARENA, PROT_NONE);
    allow(MIB, 2 * MIB, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(usable, COUNT(usable), NULL, 0), 0);
    assert_int_equal(frames_total(), 0x180 - 1);
    assert_int_equal(frame_alloc(), MIB + PAGE_SIZE);
}

static void test_only_whole_frames_are_taken_and_every_touched_one_reserved(void **state)
{
    (void)state;
    const struct phys_range usable[] = {{MIB + 1, 16 * PAGE_SIZE - 2}};   /* frames 1 to 14 */
    const struct phys_range reserved[] = {{MIB + 4 * PAGE_SIZE - 1, 2},   /* 3 and 4 */
                                          {MIB + 9 * PAGE_SIZE, 1},       /* 9 */
                                          {MIB + 12 * PAGE_SIZE + 5, 0}}; /* none */
    static const int expected[] = {2, 5, 6, 7, 8, 10, 11, 12, 13, 14};
    allow(0, ARENA, PROT_NONE);
    allow(MIB, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(usable, 1, reserved, COUNT(reserved)), 0);
    assert_int_equal(frames_end(), MIB + 15 * PAGE_SIZE);
    assert_int_equal(frames_total(), COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_int_equal(frame_alloc(), MIB + (size_t)expected[i] * PAGE_SIZE);
    assert_int_equal(frame_alloc(), 0);
}

static void test_a_usable_range_that_wraps_is_no_memory(void **state)
{
    (void)state;
    const struct phys_range usable[] = {
        {2 * MIB, UINT64_MAX - MIB}, {3 * MIB, MIB}, {MIB, MIB}, {5 * MIB, 0}};
    allow(0, ARENA, PROT_NONE);
    allow(MIB, MIB, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(usable, COUNT(usable), NULL, 0), 0);
    assert_int_equal(frames_end(), 4 * MIB);
    assert_int_equal(frames_total(), 511);
}

static void test_a_reserved_range_that_wraps_reserves_up_to_the_top(void **state)
{
    (void)state;
    const struct phys_range usable = {MIB, 4 * MIB}, reserved = {3 * MIB, UINT64_MAX};
    allow(0, ARENA, PROT_NONE);
    allow(MIB, 2 * MIB, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(&usable, 1, &reserved, 1), 0);
    assert_int_equal(frames_total(), 510); /* 1,280 words are two frames */
}

static void test_bookkeeping_takes_the_lowest_gap_that_is_large_enough(void **state)
{
    (void)state;
    /* Memory that ends at 4 GiB + 64 MiB takes 1,040 frames of words: a little more than 4 MiB. */
    const struct phys_range usable[] = {{4 * GIB, 64 * MIB}, {16 * MIB, 32 * MIB}, {MIB, 8 * MIB}};
    const struct phys_range reserved[] = {{18 * MIB, MIB}, {16 * MIB, MIB}, {17 * MIB, PAGE_SIZE}};
    allow(0, ARENA, PROT_NONE);
    for (size_t i = 0; i < COUNT(usable); i++)
        allow(usable[i].base, usable[i].size, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(usable, COUNT(usable), reserved, COUNT(reserved)), 0);
    assert_int_equal(frames_end(), 4 * GIB + 64 * MIB);
    assert_int_equal(frame_alloc(), MIB + 1040 * PAGE_SIZE);

    /* Now no gap is large enough but the one from 22 MiB on. */
    const struct phys_range more[] = {{21 * MIB, MIB}, {2 * MIB, 4 * MIB}, {16 * MIB, 2 * MIB}};
    assert_int_equal(frames_init(usable, COUNT(usable), more, COUNT(more)), 0);
    assert_int_equal(frame_alloc(), MIB);
    EXPECT_PANIC(frame_put(22 * MIB));
    EXPECT_PANIC(frame_put(22 * MIB + 1039 * PAGE_SIZE));
    assert_int_equal(frames_total(), (64 + 32 + 8 - 4 - 2 - 1) * MIB / PAGE_SIZE - 1040);
}

static void test_bookkeeping_stays_below_four_gibibytes(void **state)
{
    (void)state;
    const struct phys_range high = {4 * GIB - MIB, 64 * MIB};
    allow(0, ARENA, PROT_NONE);
    assert_int_equal(frames_init(&high, 1, NULL, 0), -ENOMEM);
}

static void
test_boot_touches_no_word_of_memory_behind_a_hole_that_is_not_handed_out_yet(void **state)
{
    (void)state;
    const struct phys_range usable[] = {{4 * GIB, 62 * GIB}, {MIB, 128 * MIB}};
    /* The words up to 4 GiB: what is not ours there, and the first frames. */
    const size_t words = 66 * MIB, touched = 4 * GIB / PAGE_SIZE * 4 + PAGE_SIZE;
    allow(0, ARENA, PROT_NONE);
    allow(MIB, touched, PROT_READ | PROT_WRITE);
    allow(MIB + words, 128 * MIB - words, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(usable, COUNT(usable), NULL, 0), 0);
    assert_int_equal(frames_words_size(), words);
    assert_int_equal(frames_total(), (62 * GIB + 128 * MIB - words) / PAGE_SIZE);
    assert_int_equal(frame_alloc(), MIB + words);
    EXPECT_PANIC(frame_put(MIB + words + PAGE_SIZE));
}

static void test_a_hole_is_nobodys_whatever_its_words_held(void **state)
{
    (void)state;
    const struct phys_range usable[] = {{MIB, 2 * MIB}, {4 * MIB, MIB}},
                            reserved[] = {{2 * MIB, 1}};
    allow(0, ARENA, PROT_NONE);
    allow(MIB, 4 * MIB, PROT_READ | PROT_WRITE);
    memset(at(MIB), 1, 2 * PAGE_SIZE);
    assert_int_equal(frames_init(usable, COUNT(usable), reserved, COUNT(reserved)), 0);
    while (frame_alloc() != 0)
        ;
    const phys_addr_t nobodys[] = {0, 4096, MIB, 2 * MIB, 3 * MIB, 4 * MIB - PAGE_SIZE, 5 * MIB};
    for (size_t i = 0; i < COUNT(nobodys); i++)
        EXPECT_PANIC(frame_put(nobodys[i]));
    frame_put(3 * MIB - PAGE_SIZE);
    frame_put(4 * MIB);
    assert_int_equal(frames_free(), 2);
}

static void test_no_room_for_bookkeeping_is_an_error(void **state)
{
    (void)state;
    const struct phys_range usable[] = {{MIB, 64 * MIB}, {0, MIB}}, reserved[] = {{0, 65 * MIB}};
    allow(0, ARENA, PROT_NONE);
    assert_int_equal(frames_init(usable, COUNT(usable), reserved, 1), -ENOMEM);
    assert_int_equal(frames_init(usable + 1, 1, NULL, 0), -ENOMEM);
    assert_int_equal(frames_init(NULL, 0, NULL, 0), -ENOMEM);
}

static void test_a_lonely_range_far_up_does_not_cost_the_rest(void **state)
{
    (void)state;
    const struct phys_range usable[] = {{1UL << 60, MIB}, {MIB, 3 * MIB}, {1UL << 40, MIB}};
    allow(0, ARENA, PROT_NONE);
    allow(MIB, 3 * MIB, PROT_READ | PROT_WRITE);
    assert_int_equal(frames_init(usable, COUNT(usable), NULL, 0), 0);
    assert_int_equal(frames_end(), 4 * MIB);
    assert_int_equal(frames_total(), 767);
}

/* Random maps over the first frames above 1 MiB, against a map of single frames. */
enum { MODEL_FRAMES = 1024 };
static bool model[MODEL_FRAMES];

static struct phys_range random_range(void)
{
    uint64_t base = random_below(MODEL_FRAMES * PAGE_SIZE);
    uint64_t size = random_below(random_below(2) ? 8 * PAGE_SIZE : MIB);
    if (random_below(3) == 0)
        base &= PAGE_MASK;
    if (random_below(3) == 0)
        size &= PAGE_MASK;
    if (base + size > MODEL_FRAMES * PAGE_SIZE)
        size = MODEL_FRAMES * PAGE_SIZE - base;
    return (struct phys_range){base, size};
}

static void build_model(const struct phys_range *usable, size_t usable_count,
                        const struct phys_range *reserved, size_t reserved_count)
{
    allow(0, MODEL_FRAMES * PAGE_SIZE, PROT_NONE);
    for (size_t frame = 0; frame < MODEL_FRAMES; frame++) {
        phys_addr_t from = frame * PAGE_SIZE, to = from + PAGE_SIZE;
        model[frame] = false;
        for (size_t i = 0; i < usable_count && from >= MIB; i++)
            model[frame] |= usable[i].base <= from && to <= usable[i].base + usable[i].size;
        for (size_t i = 0; i < reserved_count; i++) {
            if (reserved[i].size && reserved[i].base < to &&
                from < reserved[i].base + reserved[i].size)
                model[frame] = false;
        }
        if (model[frame])
            allow(from, PAGE_SIZE, PROT_READ | PROT_WRITE);
    }
}

static void test_overlapping_unsorted_ranges_give_what_a_map_of_frames_gives(void **state)
{
    (void)state;
    struct phys_range usable[6], reserved[6];
    int taken = 0;
    for (int round = 0; round < 300; round++) {
        size_t usable_count = random_below(COUNT(usable) + 1);
        size_t reserved_count = random_below(COUNT(reserved) + 1);
        for (size_t i = 0; i < usable_count; i++)
            usable[i] = random_range();
        for (size_t i = 0; i < reserved_count; i++)
            reserved[i] = random_range();
        build_model(usable, usable_count, reserved, reserved_count);
        size_t whole = 0, highest = 0;
        for (size_t i = 0; i < MODEL_FRAMES; i++)
            whole += model[i];
        for (size_t i = 0; i < usable_count; i++) {
            size_t first = (usable[i].base + PAGE_SIZE - 1) / PAGE_SIZE;
            size_t end = (usable[i].base + usable[i].size) / PAGE_SIZE;
            if (first < end && end > highest && end > MIB / PAGE_SIZE)
                highest = end;
        }
        int result = frames_init(usable, usable_count, reserved, reserved_count);
        if (whole == 0) {
            assert_int_equal(result, -ENOMEM);
            continue;
        }
        assert_int_equal(result, 0); /* 1,024 words fit into any one frame */
        taken++;
        assert_int_equal(frames_end(), highest * PAGE_SIZE);
        assert_int_equal(frames_total(), whole - 1);
        size_t lowest = 0;
        while (!model[lowest])
            lowest++;
        for (size_t i = lowest + 1; i < MODEL_FRAMES; i++) {
            if (model[i])
                assert_int_equal(frame_alloc_zeroed(), i * PAGE_SIZE);
        }
        assert_int_equal(frame_alloc(), 0);
    }
    assert_true(taken > 100);
}

static void test_random_operations_keep_every_count_right(void **state)
{
    (void)state;
    enum { FRAMES = 512 };
    static uint32_t refs[FRAMES];
    init_simple(MIB);
    memset(refs, 0, sizeof refs);
    size_t free = frames_free();
    for (int i = 0; i < 200000; i++) {
        size_t n = random_below(FRAMES);
        /* Long phases of mostly taking and mostly dropping: full and empty both occur. */
        bool taking = random_below(8) < (i / 4000 % 2 ? 2U : 6U);
        if (taking && random_below(2)) {
            phys_addr_t frame = frame_alloc();
            assert_int_equal(frame == 0, free == 0);
            if (frame != 0) {
                assert_int_equal(refs[frame / PAGE_SIZE]++, 0);
                free--;
            }
        } else if (refs[n] == 0) {
            if (random_below(50) == 0)
                EXPECT_PANIC(frame_put(n * PAGE_SIZE));
        } else if (taking) {
            frame_get(n * PAGE_SIZE);
            refs[n]++;
        } else {
            frame_put(n * PAGE_SIZE);
            free += --refs[n] == 0;
        }
        assert_int_equal(frames_free(), free);
        if (refs[n] != 0)
            assert_int_equal(frame_refs(n * PAGE_SIZE), refs[n]);
    }
    for (size_t n = 0; n < FRAMES; n++) {
        for (; refs[n] > 0; refs[n]--)
            frame_put(n * PAGE_SIZE);
    }
    assert_int_equal(frames_free(), frames_total());
}

static int no_lock_is_left_held(void **state)
{
    (void)state;
    return locks_held;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_frame_is_handed_out_once_and_lowest_first),
        cmocka_unit_test(test_exhausted_memory_gives_zero_and_recovers),
        cmocka_unit_test(test_freed_frames_come_back_last_freed_first),
        cmocka_unit_test(test_a_frame_lives_until_its_last_reference_is_dropped),
        cmocka_unit_test(test_a_zeroed_frame_is_zeroed_and_its_neighbours_are_not),
        cmocka_unit_test(test_a_broken_reference_panics_and_names_the_frame),
        cmocka_unit_test(test_the_reference_count_does_not_overflow),
        cmocka_unit_test(test_memory_below_one_mebibyte_is_left_alone),
        cmocka_unit_test(test_only_whole_frames_are_taken_and_every_touched_one_reserved),
        cmocka_unit_test(test_a_usable_range_that_wraps_is_no_memory),
        cmocka_unit_test(test_a_reserved_range_that_wraps_reserves_up_to_the_top),
        cmocka_unit_test(test_bookkeeping_takes_the_lowest_gap_that_is_large_enough),
        cmocka_unit_test(test_bookkeeping_stays_below_four_gibibytes),
        cmocka_unit_test(
            test_boot_touches_no_word_of_memory_behind_a_hole_that_is_not_handed_out_yet),
        cmocka_unit_test(test_a_hole_is_nobodys_whatever_its_words_held),
        cmocka_unit_test(test_no_room_for_bookkeeping_is_an_error),
        cmocka_unit_test(test_a_lonely_range_far_up_does_not_cost_the_rest),
        cmocka_unit_test(test_overlapping_unsorted_ranges_give_what_a_map_of_frames_gives),
        cmocka_unit_test_teardown(test_random_operations_keep_every_count_right,
                                  no_lock_is_left_held),
    };
    return cmocka_run_group_tests(tests, map_arena, unmap_arena);
}
