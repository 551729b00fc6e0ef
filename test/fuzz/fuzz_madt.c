// sources: src/smp/madt.c
/* Starts from an empty corpus: the input is what follows the 36 bytes of the table's header, which
 * the parser does not read. */
#include "smp/madt.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = size + 36;
    uint8_t *table = calloc(1, length);
    memcpy(table + 36, data, size);

    struct madt_entry entry;
    struct parse_error error;
    size_t offset = 0;
    size_t expected = 44;
    size_t cpus = 0;
    int result;
    while ((result = madt_next(table, length, &offset, &entry, &error)) == 1) {
        CHECK(entry.offset == expected && entry.length >= 2 && entry.length == table[expected + 1]);
        expected += entry.length;
        CHECK(offset == expected && offset <= length);
        cpus += madt_is_startable(&entry);
    }
    CHECK(result == 0 ? expected == length : result == -EINVAL && error.offset <= length);

    struct madt_info info;
    CHECK(madt_parse(table, length, &info, &error) == result && info.cpus == cpus);
    free(table);
    return 0;
}
