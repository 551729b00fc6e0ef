// What mremap does to memory: in place where there is room, elsewhere with its content where there
// is none.

#define _GNU_SOURCE
#include <string.h>

#include "pointers.h"

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

/* Every eight bytes hold their own number. */
static void number(char *p, size_t size)
{
    for (size_t i = 0; i < size / 8; i++)
        ((size_t *)p)[i] = i;
}

static bool is_numbered(const char *p, size_t size)
{
    for (size_t i = 0; i < size / 8; i++)
        if (((const size_t *)p)[i] != i)
            return false;
    return true;
}

static bool is_zero(const char *p, size_t size)
{
    return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* Numbered pages with free ones behind them. */
static char *with_room(size_t pages)
{
    char *p = map_alone(pages);

    number(p, pages * PAGE);
    return p;
}

int main(void)
{
    char *p = with_room(4), *moved, *place;

    plan(19);
    ok(mremap(p, 4 * PAGE, 8 * PAGE, 0) == p, "mremap grows in place where there is room");
    ok(is_numbered(p, 4 * PAGE), "growing in place keeps the content");
    ok(is_zero(p + 4 * PAGE, 4 * PAGE), "growing in place adds zeroes");
    ok(mremap(p, 8 * PAGE, 2 * PAGE, 0) == p, "mremap shrinks in place");
    ok(!kernel_can_read(p + 2 * PAGE), "shrinking gives the tail back");
    ok(is_numbered(p, 2 * PAGE), "shrinking keeps the head");

    sys(mmap, p + 2 * PAGE, PAGE, PROT_NONE, ANONYMOUS | MAP_FIXED, -1, 0);
    moved = mremap(p, 2 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    ok(moved != MAP_FAILED && moved != p, "mremap moves where there is no room");
    ok(is_numbered(moved, 2 * PAGE), "moving keeps the content");
    ok(is_zero(moved + 2 * PAGE, 598 * PAGE), "moving adds zeroes");
    ok(!kernel_can_read(p) && !kernel_can_read(p + PAGE), "moving leaves nothing behind");

    p = with_room(3);
    place = map_anonymous(5 * PAGE, RW);
    memset(place, 'x', 5 * PAGE);
    ok(mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE) == place + PAGE,
       "MREMAP_FIXED moves to the address");
    ok(is_numbered(place + PAGE, 3 * PAGE), "MREMAP_FIXED keeps the content");
    ok(place[PAGE - 1] == 'x' && place[4 * PAGE] == 'x', "MREMAP_FIXED leaves the neighbours");
    ok(!kernel_can_read(p), "MREMAP_FIXED leaves nothing behind");

    p = with_room(3);
    sys(mmap, p + 3 * PAGE, PAGE, PROT_NONE, ANONYMOUS | MAP_FIXED, -1, 0);
    moved = mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    ok(moved != MAP_FAILED && *(size_t *)moved == PAGE / 8, "part of a mapping moves");
    ok(kernel_can_read(p) && !kernel_can_read(p + PAGE) && kernel_can_read(p + 2 * PAGE),
       "its neighbours on both sides stay");

    p = map_anonymous(64 * PAGE, RW);
    p[7 * PAGE] = 'x';
    moved = mremap(p, 64 * PAGE, 4096 * PAGE, MREMAP_MAYMOVE);
    ok(moved[7 * PAGE] == 'x' && is_zero(moved, 7 * PAGE), "pages never touched move as zeroes");
    mprotect(moved, PAGE, PROT_READ);
    p = mremap(moved, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    ok(p == place && kernel_can_read(p) && !kernel_can_write(p), "a page's protection moves along");
    ok(mremap(moved + PAGE, 4095 * PAGE, PAGE, 0) == moved + PAGE, "the rest shrinks to a page");
    return done();
}
