// Each file has an inode number of its own, those that no archive holds too; a folder has as many links
// as it has folders in it, and two.

#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "ktap.h"

#define FILES 11

int main(int argc, char *argv[])
{
    const char *const paths[FILES] = {
        "/",           "/dev",         "/dev/console", "/dev/tty",       "/dev/null", "/dev/zero",
        "/dev/random", "/dev/urandom", "/dev/ttyS1",   "/dev/sallyport", argv[0]};
    struct stat files[FILES], standard;
    int found = 0, numbered = 0, same = 0, linked = 0;

    (void)argc;
    plan(8);
    for (int i = 0; i < FILES; i++) {
        found += sys(stat, paths[i], &files[i]) == 0;
        numbered += files[i].st_ino != 0;
        linked += files[i].st_nlink != 0;
        for (int j = 0; j < i; j++)
            same += files[i].st_ino == files[j].st_ino;
    }
    is(found, FILES, "each has a stat");
    is(numbered, FILES, "each has an inode number");
    is(same, 0, "no two have the same");
    is(linked, FILES, "each has links");
    is((long)files[0].st_nlink, 2 + 3, "in / are /bin, /dev and /test");
    is((long)files[1].st_nlink, 2, "in /dev is no folder");
    sys(fstat, 0, &standard);
    ok(standard.st_ino == files[2].st_ino, "descriptor 0 is /dev/console");
    sys(stat, "/test/../dev/./", &standard);
    ok(standard.st_ino == files[1].st_ino, "another way to /dev leads to the same");
    return done();
}
