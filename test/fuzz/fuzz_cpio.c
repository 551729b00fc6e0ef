// sources: src/boot/cpio.c src/boot/cpio_index.c src/lib/tree.c
/* The 110 bytes of text of a header are hard to hit upon, so the input
 * is a script: each entry's kind, sizes and flaws come from it, the rest is well-formed. Inputs
 * that begin with '0' are taken as they are. */
#include "boot/cpio_index.h"
#include "mm/pool.h"

#include <stdio.h>

#include "check.h"

/* An index is given back whole. */
static void *objects[4096];
static size_t objects_used;

void *pool_alloc(struct pool *pool)
{
    CHECK(objects_used < sizeof objects / sizeof objects[0]);
    return objects[objects_used++] = calloc(1, pool->object_size);
}

void pool_free(struct pool *pool, void *object)
{
    memset(object, 0xa5, pool->object_size);
}

static size_t build(const uint8_t *script, size_t size, uint8_t *out, size_t room)
{
    size_t used = 0;
    for (; size >= 6 && used + 600 < room; script += 6, size -= 6) {
        unsigned kind = script[0];
        if (kind % 16 == 15) { /* zeros, as between archives */
            memset(out + used, 0, script[1]);
            used += script[1];
            continue;
        }
        const char *name = kind % 16 == 14 ? "TRAILER!!!" : kind & 16 ? "./bin/a" : "b";
        unsigned name_size = (unsigned)strlen(name) + 1 + (kind & 32 ? script[1] % 4 : 0);
        unsigned data_size = script[2];
        char header[128];
        snprintf(header, sizeof header,
                 "07070%c%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                 kind & 64 ? '2' : '1', script[3] % 2, 0100644, 0, 0, 1 + script[3] / 2 % 2, 0,
                 data_size, 0, 0, 0, 0, name_size, data_size * script[4]);
        if (kind & 128)
            header[script[4] % 110] = (char)script[5]; /* the flaw */
        memcpy(out + used, header, 110);
        used += 110;
        memset(out + used, 0, name_size + 3);
        memcpy(out + used, name, strlen(name));
        used = (used + name_size + 3) & ~(size_t)3;
        memset(out + used, script[4], data_size + 3);
        used = (used + data_size + 3) & ~(size_t)3;
    }
    return used > size ? used - size : 0; /* the script's rest cuts the archive */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t built[1 << 16];
    const uint8_t *source = data;
    if (size == 0 || data[0] != '0') {
        size = build(data, size, built, sizeof built);
        source = built;
    }
    uint8_t *archive = malloc(size ? size : 1);
    memcpy(archive, source, size);

    struct cpio_entry entry;
    struct parse_error error;
    size_t offset = 0;
    size_t before = 0;
    unsigned found = 0;
    int result;
    while ((result = cpio_next(archive, size, &offset, &entry, &error)) == 1) {
        CHECK(offset > before && offset <= size);
        before = offset;
        CHECK(strlen(entry.name) == entry.name_length);
        CHECK(entry.data >= archive && entry.size <= (size_t)(archive + size - entry.data));
        found |= strcmp(entry.name, "./bin/a") == 0;
    }
    CHECK(offset == before); /* the end and an error leave it alone */
    CHECK(result == 0 || (result == -EINVAL && error.offset <= size && strlen(error.what) > 0));
    struct cpio_index index;
    CHECK(cpio_index_make(&index, archive, size, &error) == result);
    const struct cpio_entry *by_name = result ? NULL : cpio_index_find(&index, "bin/a");
    CHECK(result || !found || by_name);
    const struct cpio_entry *next = result ? NULL : cpio_index_from(&index, "");
    for (const struct cpio_entry *last = NULL; next; last = next, next = cpio_index_next(next)) {
        CHECK(!last || strcmp(last->name, next->name) < 0);
        CHECK(next->data >= archive && next->size <= (size_t)(archive + size - next->data));
    }
    while (objects_used)
        free(objects[--objects_used]);
    free(archive);
    return 0;
}
