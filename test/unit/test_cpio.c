// sources: src/boot/cpio.c src/boot/cpio_index.c src/lib/tree.c
/* The initramfs: entries, concatenated archives, hard links, every malformation; and names. */
#include "boot/cpio_index.h"
#include "mm/pool.h"

#include <errno.h>
#include <sys/stat.h>

#include "bytes.h"

static struct bytes in;
static struct cpio_entry entry;
static struct parse_error error;

static struct cpio_entry regular(uint32_t ino)
{
    return (struct cpio_entry){.ino = ino, .mode = S_IFREG | 0755, .nlink = 1, .mtime = 1000};
}

/* The entry's offset. */
static size_t put_entry(const char *magic, const struct cpio_entry *e, const char *name,
                        size_t name_size, const char *data, uint32_t checksum)
{
    char header[128];
    size_t at = in.size;
    snprintf(header, sizeof header, "%s%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X",
             magic, e->ino, e->mode, e->uid, e->gid, e->nlink, e->mtime, strlen(data), e->dev_major,
             e->dev_minor, e->rdev_major, e->rdev_minor, name_size, checksum);
    put(&in, header, 110);
    put(&in, name, name_size);
    pad_to(&in, 4);
    put(&in, data, strlen(data));
    pad_to(&in, 4);
    return at;
}

static size_t put_file(uint32_t ino, const char *name, const char *data)
{
    struct cpio_entry e = regular(ino);
    return put_entry("070701", &e, name, strlen(name) + 1, data, 0);
}

static void put_trailer(void)
{
    struct cpio_entry e = {.nlink = 1};
    put_entry("070701", &e, "TRAILER!!!", 11, "", 0);
}

_Static_assert(CPIO_TYPE == S_IFMT && CPIO_SYMLINK == S_IFLNK && CPIO_REGULAR == S_IFREG &&
                   CPIO_DIRECTORY == S_IFDIR,
               "file types are Linux's");

static int first(void)
{
    size_t offset = 0;
    return cpio_next(guarded(in.data, in.size), in.size, &offset, &entry, &error);
}

static struct cpio_index names;
static char objects[64 * 1024];
static size_t objects_used, allocations_left;

void *pool_alloc(struct pool *pool)
{
    if (!allocations_left)
        return NULL;
    allocations_left--;
    void *object = objects + objects_used;
    objects_used += (pool->object_size + 15) & ~(size_t)15;
    assert_true(objects_used <= sizeof objects);
    return memset(object, 0, pool->object_size);
}

void pool_free(struct pool *pool, void *object)
{
    memset(object, 0xa5, pool->object_size); /* it is not read again */
}

static int make_index(void)
{
    objects_used = 0;
    allocations_left = SIZE_MAX;
    return cpio_index_make(&names, guarded(in.data, in.size), in.size, &error);
}

static int find(const char *path)
{
    int result = make_index();
    const struct cpio_entry *found = result ? NULL : cpio_index_find(&names, path);
    if (found)
        entry = *found;
    return result ? result : found ? 0 : -ENOENT;
}

static void assert_contents(const char *expected)
{
    assert_int_equal(entry.size, strlen(expected));
    assert_memory_equal(entry.data, expected, entry.size);
}

static void test_entries_come_in_order_with_all_their_fields(void **state)
{
    (void)state;
    in.size = 0;
    struct cpio_entry e = {.ino = 0xabcdef01,
                           .mode = S_IFCHR | 0620,
                           .uid = 1,
                           .gid = 2,
                           .nlink = 3,
                           .mtime = 0xfedcba98,
                           .dev_major = 4,
                           .dev_minor = 5,
                           .rdev_major = 6,
                           .rdev_minor = 7};
    put_entry("070701", &e, "dev/console", 12, "", 0);
    put_file(2, "a", "1");
    put_file(3, "ab", "four");
    put_file(4, "abc", "fifth");
    put_trailer();

    const uint8_t *archive = guarded(in.data, in.size);
    size_t offset = 0;
    assert_int_equal(cpio_next(archive, in.size, &offset, &entry, &error), 1);
    assert_string_equal(entry.name, "dev/console");
    assert_int_equal(entry.name_length, 11);
    assert_int_equal(entry.ino, e.ino);
    assert_int_equal(entry.mode, e.mode);
    assert_int_equal(entry.uid, 1);
    assert_int_equal(entry.gid, 2);
    assert_int_equal(entry.nlink, 3);
    assert_int_equal(entry.mtime, e.mtime);
    assert_int_equal(entry.dev_major, 4);
    assert_int_equal(entry.dev_minor, 5);
    assert_int_equal(entry.rdev_major, 6);
    assert_int_equal(entry.rdev_minor, 7);
    assert_int_equal(entry.size, 0);
    static const char *const rest[][2] = {{"a", "1"}, {"ab", "four"}, {"abc", "fifth"}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cpio_next(archive, in.size, &offset, &entry, &error), 1);
        assert_string_equal(entry.name, rest[i][0]);
        assert_contents(rest[i][1]);
    }
    for (int again = 0; again < 2; again++)
        assert_int_equal(cpio_next(archive, in.size, &offset, &entry, &error), 0);
}

static void test_padding_may_be_missing_at_the_very_end_only(void **state)
{
    (void)state;
    in.size = 0;
    put_trailer();
    assert_int_equal(in.size, 124);
    in.size = 121; /* header and name */
    assert_int_equal(first(), 0);
    in.size = 120;
    assert_refused(first(), -EINVAL, 94, "archive cut inside a name");
}

static void test_every_shorter_prefix_is_refused_without_a_read_past_it(void **state)
{
    (void)state;
    in.size = 0;
    put_file(1, "file", "contents");
    put_file(2, "other", "more contents");
    size_t trailer = in.size;
    put_trailer();
    objects_used = 0;
    allocations_left = SIZE_MAX;
    for (size_t size = 0; size < trailer + 121; size++)
        assert_int_equal(cpio_index_make(&names, guarded(in.data, size), size, &error), -EINVAL);
    assert_int_equal(find("file"), 0);
}

static void test_missing_trailer_is_refused(void **state)
{
    (void)state;
    in.size = 0;
    assert_refused(first(), -EINVAL, 0, "archive without a trailer");
    put_file(1, "file", "contents");
    size_t offset = 0;
    const uint8_t *archive = guarded(in.data, in.size);
    assert_int_equal(cpio_next(archive, in.size, &offset, &entry, &error), 1);
    assert_refused(cpio_next(archive, in.size, &offset, &entry, &error), -EINVAL, in.size,
                   "archive without a trailer");
}

static void test_offset_beyond_the_archive_is_refused(void **state)
{
    (void)state;
    in.size = 0;
    put_trailer();
    size_t offset = in.size + 4;
    const uint8_t *archive = guarded(in.data, in.size);
    assert_refused(cpio_next(archive, in.size, &offset, &entry, &error), -EINVAL, in.size,
                   "archive without a trailer");
}

static void test_foreign_magic_is_refused(void **state)
{
    (void)state;
    static const char *const magics[] = {"070707", "070700", "070703", "\x1f\x8b\x08\x08xx"};
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        in.size = 0;
        put_trailer();
        memcpy(in.data, magics[i], 6);
        assert_refused(first(), -EINVAL, 0, "no newc cpio magic");
    }
}

static void test_every_field_must_be_hexadecimal_in_either_case(void **state)
{
    (void)state;
    for (size_t at = 6; at < 110; at++) {
        static const char bad[] = {' ', 'g', 'G', '/', ':', '@', '`', 0, '-', 'x'};
        for (size_t i = 0; i < sizeof bad; i++) {
            in.size = 0;
            put_trailer();
            in.data[at] = (uint8_t)bad[i];
            assert_refused(first(), -EINVAL, 6 + (at - 6) / 8 * 8, "not a hexadecimal number");
        }
    }
    in.size = 0;
    put_file(0xabcdef, "f", "");
    memcpy(in.data + 6, "00aBcDeF", 8);
    assert_int_equal(first(), 1);
    assert_int_equal(entry.ino, 0xabcdef);
}

static void test_name_must_end_inside_its_size(void **state)
{
    (void)state;
    struct cpio_entry e = regular(1);
    in.size = 0;
    put_entry("070701", &e, "name", 4, "data", 0);
    assert_refused(first(), -EINVAL, 110, "name without an end");
    in.size = 0;
    put_entry("070701", &e, "", 0, "data", 0);
    assert_refused(first(), -EINVAL, 110, "name without an end");
    in.size = 0;
    put_entry("070701", &e, "name\0\0\0\0\0", 9, "data", 0); /* padded, to align the contents */
    assert_int_equal(first(), 1);
    assert_int_equal(entry.name_length, 4);
    assert_contents("data");
}

static void test_sizes_that_reach_out_of_the_archive_are_refused(void **state)
{
    (void)state;
    static const char *const sizes[] = {"00000009", "7FFFFFFF", "FFFFFFFF", "FFFFFF80"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        in.size = 0;
        put_file(1, "f", "contents");
        memcpy(in.data + 54, sizes[i], 8);
        assert_refused(first(), -EINVAL, 54, "archive cut inside a file's contents");
        in.size = 0;
        put_file(1, "f", "");
        memcpy(in.data + 94, sizes[i], 8);
        assert_refused(first(), -EINVAL, 94, "archive cut inside a name");
    }
}

static void test_checksum_of_a_regular_file_is_verified_when_the_magic_promises_one(void **state)
{
    (void)state;
    struct cpio_entry e = regular(1);
    in.size = 0;
    put_entry("070702", &e, "f", 2, "abc", 'a' + 'b' + 'c');
    assert_int_equal(first(), 1);
    assert_contents("abc");
    in.size = 0;
    put_entry("070702", &e, "f", 2, "abd", 'a' + 'b' + 'c');
    assert_refused(first(), -EINVAL, 102, "wrong checksum");
    in.size = 0;
    put_entry("070702", &e, "f", 2, "a", 'b');
    assert_refused(first(), -EINVAL, 102, "wrong checksum");
    in.size = 0;
    put_entry("070702", &e, "f", 2, "no byte behind", 'x');
    in.size -= 2; /* the padding */
    assert_refused(first(), -EINVAL, 102, "wrong checksum");
    in.size = 0;
    put_entry("070702", &e, "first name", 11, "", 99); /* its contents come with the last name */
    assert_int_equal(first(), 1);
    in.size = 0;
    struct cpio_entry link = {.mode = S_IFLNK | 0777, .nlink = 1};
    put_entry("070702", &link, "f", 2, "target", 0);
    assert_int_equal(first(), 1);
    assert_contents("target");
    in.size = 0;
    put_entry("070701", &e, "f", 2, "abd", 'a' + 'b' + 'c'); /* the field means nothing here */
    assert_int_equal(first(), 1);
}

static void test_concatenated_archives_are_read_through(void **state)
{
    (void)state;
    in.size = 0;
    put_file(1, "one", "first");
    put_file(2, "both", "old");
    put_trailer();
    put_file(1, "two", "second");
    put_trailer();
    put_zeros(&in, 512);
    put_file(1, "both", "new");
    put_trailer();
    put_zeros(&in, 7);
    assert_int_equal(find("one"), 0);
    assert_contents("first");
    assert_int_equal(find("two"), 0);
    assert_contents("second");
    assert_int_equal(find("both"), 0);
    assert_contents("new");
    assert_int_equal(find("three"), -ENOENT);
    assert_int_equal(find("TRAILER!!!"), -ENOENT);
}

static void test_junk_behind_the_trailer_is_refused(void **state)
{
    (void)state;
    in.size = 0;
    put_trailer();
    size_t at = in.size;
    put(&in, "junk", 4);
    assert_refused(first(), -EINVAL, at, "archive cut inside a header");
    put_zeros(&in, 200);
    assert_refused(first(), -EINVAL, at, "no newc cpio magic");
    in.size = at;
    put_zeros(&in, 2);
    put(&in, "070701", 6);
    put_zeros(&in, 200);
    assert_refused(first(), -EINVAL, at + 2, "next archive not aligned to 4 bytes");
}

static void test_zeros_between_entries_are_refused(void **state)
{
    (void)state;
    in.size = 0;
    put_file(1, "f", "data");
    size_t at = in.size;
    put_zeros(&in, 4);
    put_trailer();
    size_t offset = at;
    const uint8_t *archive = guarded(in.data, in.size);
    assert_refused(cpio_next(archive, in.size, &offset, &entry, &error), -EINVAL, at,
                   "no newc cpio magic");
    assert_int_equal(offset, at);
}

static void test_names_lose_their_root(void **state)
{
    (void)state;
    in.size = 0;
    put_file(1, ".", "root");
    put_file(2, "./bin/sh", "shell");
    put_file(3, "/etc/motd", "hello");
    put_file(4, ".hidden", "dot");
    put_file(5, ".//./usr", "many");
    put_trailer();
    static const char *const found[][2] = {{"", "root"},
                                           {"bin/sh", "shell"},
                                           {"etc/motd", "hello"},
                                           {".hidden", "dot"},
                                           {"usr", "many"}};
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        assert_int_equal(find(found[i][0]), 0);
        assert_contents(found[i][1]);
        assert_string_equal(entry.name, found[i][0]);
        assert_int_equal(entry.name_length, strlen(found[i][0]));
    }
    static const char *const missing[] = {"hidden", "bin", "bin/shx", "in/sh", "..", "../bin/sh"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        assert_int_equal(find(missing[i]), -ENOENT);
}

static void test_names_come_in_order_each_once_from_any_place(void **state)
{
    (void)state;
    static const char *const sorted[] = {"a", "a-", "a/", "a/b", "aa", "b", "bin/x", "\xc3\xa4"};
    enum { COUNT = sizeof sorted / sizeof sorted[0] };
    in.size = 0;
    for (unsigned i = 0; i < 3 * COUNT; i++)
        put_file(i, sorted[i * 5 % COUNT], "");
    put_trailer();
    assert_int_equal(make_index(), 0);
    assert_int_equal(names.entries, 3 * COUNT);
    const struct cpio_entry *next = cpio_index_from(&names, "");
    for (unsigned i = 0; i < COUNT; i++, next = cpio_index_next(next)) {
        assert_non_null(next);
        assert_string_equal(next->name, sorted[i]);
        assert_ptr_equal(cpio_index_from(&names, sorted[i]), next);
        assert_true(next->ino >= 2 * COUNT); /* the last of them */
    }
    assert_null(next);
    assert_string_equal(cpio_index_from(&names, "a.")->name, "a/");
    assert_string_equal(cpio_index_from(&names, "a/c")->name, "aa");
    assert_null(cpio_index_from(&names, "\xff"));
    assert_null(cpio_index_find(&names, "a/c"));
}

static void test_index_without_memory_is_none(void **state)
{
    (void)state;
    in.size = 0;
    struct cpio_entry link = regular(1);
    link.nlink = 2;
    put_entry("070701", &link, "a", 2, "E", 0);
    put_entry("070701", &link, "b", 2, "", 0);
    put_trailer();
    for (size_t enough = 0; enough < 3; enough++) {
        objects_used = 0;
        allocations_left = enough;
        assert_int_equal(cpio_index_make(&names, guarded(in.data, in.size), in.size, &error),
                         -ENOMEM);
    }
    assert_int_equal(find("b"), 0);
    assert_contents("E");
    in.size = 0;
    put_trailer();
    assert_int_equal(make_index(), 0);
    assert_null(cpio_index_from(&names, ""));
}

static void put_link(uint32_t ino, uint32_t device, uint32_t nlink, const char *name,
                     const char *data)
{
    struct cpio_entry e = regular(ino);
    e.nlink = nlink;
    e.dev_minor = device;
    put_entry("070701", &e, name, strlen(name) + 1, data, 0);
}

static void test_every_name_of_a_file_has_its_contents(void **state)
{
    (void)state;
    in.size = 0;
    put_link(7, 0, 2, "cat", "");
    put_link(7, 0, 2, "busybox", "E");
    put_link(7, 0, 2, "late", "");
    put_link(7, 1, 2, "stranger on another disk", "wrong");
    put_link(8, 0, 2, "stranger of another number", "wrong");
    put_link(7, 0, 3, "stranger of more names", "wrong");
    struct cpio_entry device = {.ino = 7, .mode = S_IFCHR, .nlink = 2, .dev_major = 0};
    put_entry("070701", &device, "stranger of another kind", 25, "wrong", 0);
    device = regular(7);
    device.nlink = 2;
    device.dev_major = 1;
    put_entry("070701", &device, "stranger on another kind of disk", 33, "wrong", 0);
    put_link(9, 0, 2, "lone", "");
    put_file(10, "empty", "");
    put_file(10, "unlinked", "wrong");
    put_trailer();
    static const char *const names[] = {"cat", "busybox", "late"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(find(names[i]), 0);
        assert_contents("E");
    }
    assert_int_equal(find("lone"), 0);
    assert_contents("");
    assert_int_equal(find("empty"), 0);
    assert_contents("");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_come_in_order_with_all_their_fields),
        cmocka_unit_test(test_padding_may_be_missing_at_the_very_end_only),
        cmocka_unit_test(test_every_shorter_prefix_is_refused_without_a_read_past_it),
        cmocka_unit_test(test_missing_trailer_is_refused),
        cmocka_unit_test(test_offset_beyond_the_archive_is_refused),
        cmocka_unit_test(test_foreign_magic_is_refused),
        cmocka_unit_test(test_every_field_must_be_hexadecimal_in_either_case),
        cmocka_unit_test(test_name_must_end_inside_its_size),
        cmocka_unit_test(test_sizes_that_reach_out_of_the_archive_are_refused),
        cmocka_unit_test(test_checksum_of_a_regular_file_is_verified_when_the_magic_promises_one),
        cmocka_unit_test(test_concatenated_archives_are_read_through),
        cmocka_unit_test(test_junk_behind_the_trailer_is_refused),
        cmocka_unit_test(test_zeros_between_entries_are_refused),
        cmocka_unit_test(test_names_lose_their_root),
        cmocka_unit_test(test_names_come_in_order_each_once_from_any_place),
        cmocka_unit_test(test_index_without_memory_is_none),
        cmocka_unit_test(test_every_name_of_a_file_has_its_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
