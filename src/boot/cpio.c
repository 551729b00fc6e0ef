/* Reads newc headers: 13 fields of 8 hexadecimal digits after the magic, then the name, then the
 * contents, both padded to 4 bytes from the start of the archive. */
#include "boot/cpio.h"

#include <asm/errno.h>
#include <stdbool.h>

#include "lib/string.h"

#define MAGIC_LENGTH 6U
#define HEADER_SIZE  110U
#define TRAILER      "TRAILER!!!"

enum field {
    INO,
    MODE,
    UID,
    GID,
    NLINK,
    MTIME,
    FILE_SIZE,
    DEV_MAJOR,
    DEV_MINOR,
    RDEV_MAJOR,
    RDEV_MINOR,
    NAME_SIZE, /* the terminator included */
    CHECKSUM,
    FIELD_COUNT
};

static size_t field_offset(enum field field)
{
    return MAGIC_LENGTH + 8 * (size_t)field;
}

static bool parse_hex(const char *digits, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        char c = digits[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

/* Sums stay far below 2^64: offset <= length, and the archive is in memory. */
static size_t align4(size_t offset)
{
    return (offset + 3) & ~(size_t)3;
}

/* Parses the entry at offset, whatever it is, and moves *offset behind it. */
static int parse_entry(const char *archive, size_t length, size_t *offset, struct cpio_entry *out,
                       struct parse_error *error)
{
    size_t at = *offset;
    const char *header = archive + at;
    if (length - at < HEADER_SIZE)
        return parse_fail(error, -EINVAL, at, "archive cut inside a header");
    bool summed = memcmp(header, "070702", MAGIC_LENGTH) == 0;
    if (!summed && memcmp(header, "070701", MAGIC_LENGTH) != 0)
        return parse_fail(error, -EINVAL, at, "no newc cpio magic");

    uint32_t fields[FIELD_COUNT];
    for (enum field field = INO; field < FIELD_COUNT; field++)
        if (!parse_hex(header + field_offset(field), &fields[field]))
            return parse_fail(error, -EINVAL, at + field_offset(field), "not a hexadecimal number");

    /* Some packers pad the name with zeros to align the contents: its end is the first zero. */
    size_t name_size = fields[NAME_SIZE];
    if (name_size > length - at - HEADER_SIZE)
        return parse_fail(error, -EINVAL, at + field_offset(NAME_SIZE),
                          "archive cut inside a name");
    const char *name = header + HEADER_SIZE;
    size_t name_length = strnlen(name, name_size);
    if (name_length == name_size)
        return parse_fail(error, -EINVAL, at + HEADER_SIZE, "name without an end");

    size_t data_at = align4(at + HEADER_SIZE + name_size);
    size_t size = fields[FILE_SIZE];
    if (data_at > length)
        data_at = length; /* the archive's last padding may be missing */
    if (size > length - data_at)
        return parse_fail(error, -EINVAL, at + field_offset(FILE_SIZE),
                          "archive cut inside a file's contents");
    const uint8_t *data = (const uint8_t *)archive + data_at;
    /* GNU cpio writes a sum only beside a regular file's contents, not for a symbolic link's. */
    summed = summed && (fields[MODE] & CPIO_TYPE) == CPIO_REGULAR && size > 0;
    uint32_t sum = 0;
    for (size_t i = 0; summed && i < size; i++)
        sum += data[i];
    if (summed && sum != fields[CHECKSUM])
        return parse_fail(error, -EINVAL, at + field_offset(CHECKSUM), "wrong checksum");

    *out = (struct cpio_entry){
        .name = name,
        .name_length = name_length,
        .mode = fields[MODE],
        .uid = fields[UID],
        .gid = fields[GID],
        .mtime = fields[MTIME],
        .ino = fields[INO],
        .nlink = fields[NLINK],
        .dev_major = fields[DEV_MAJOR],
        .dev_minor = fields[DEV_MINOR],
        .rdev_major = fields[RDEV_MAJOR],
        .rdev_minor = fields[RDEV_MINOR],
        .data = data,
        .size = size,
    };
    size_t end = align4(data_at + size);
    *offset = end < length ? end : length;
    return 0;
}

int cpio_next(const void *archive, size_t length, size_t *offset, struct cpio_entry *entry,
              struct parse_error *error)
{
    const char *bytes = archive;
    size_t at = *offset;
    for (;;) {
        if (at >= length)
            return parse_fail(error, -EINVAL, length, "archive without a trailer");
        struct cpio_entry next;
        if (parse_entry(bytes, length, &at, &next, error))
            return -EINVAL;
        if (next.name_length != strlen(TRAILER) ||
            memcmp(next.name, TRAILER, next.name_length) != 0) {
            *entry = next;
            *offset = at;
            return 1;
        }
        while (at < length && bytes[at] == '\0')
            at++;
        if (at == length)
            return 0;
        if (at % 4)
            return parse_fail(error, -EINVAL, at, "next archive not aligned to 4 bytes");
    }
}
