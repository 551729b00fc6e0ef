// What mmap, munmap, mprotect, madvise, mremap and brk answer to bad input. Refusals leave every
// mapping as it was; where Linux does the first part of a range before it meets a hole, so do we.

#define _GNU_SOURCE
#include <fcntl.h>

#include "pointers.h"

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define KERNEL    0xffff800000000000
#define USER_END  0x00007ffffffff000

static void test_mmap(int self)
{
    long root = sys(open, "/", O_RDONLY | O_DIRECTORY), null = sys(open, "/dev/null", O_WRONLY);

    is(sys(mmap, 0, 0, RW, ANONYMOUS, -1, 0), -EINVAL, "mmap of no bytes is EINVAL");
    is(sys(mmap, 0, PAGE, RW, MAP_ANONYMOUS, -1, 0), -EINVAL,
       "mmap neither shared nor private is EINVAL");
    is(sys(mmap, 0, PAGE, RW, MAP_ANONYMOUS | 15, -1, 0), -EINVAL,
       "mmap of an unknown type is EINVAL");
    is(sys(mmap, 0, -1, RW, ANONYMOUS, -1, 0), -ENOMEM, "mmap of 2^64 - 1 bytes is ENOMEM");
    is(sys(mmap, 0, 1L << 62, RW, ANONYMOUS, -1, 0), -ENOMEM, "mmap of 2^62 bytes is ENOMEM");
    is(sys(mmap, 0, USER_END + PAGE, RW, ANONYMOUS, -1, 0), -ENOMEM,
       "mmap of more than user space is ENOMEM");
    is(sys(mmap, 0, PAGE, RW, MAP_PRIVATE, -1, 0), -EBADF, "mmap of no descriptor is EBADF");
    is(sys(mmap, 0, PAGE, RW, MAP_PRIVATE, 999, 0), -EBADF, "mmap of a closed one is EBADF");
    is(sys(mmap, 0, PAGE, RW, MAP_PRIVATE, self, 1), -EINVAL, "mmap from offset 1 is EINVAL");
    is(sys(mmap, 0, PAGE, RW, ANONYMOUS, -1, 512), -EINVAL, "mmap from offset 512 is EINVAL");
    is(sys(mmap, 0, 2 * PAGE, RW, MAP_PRIVATE, self, -PAGE), -EOVERFLOW,
       "mmap whose offset wraps is EOVERFLOW");
    is(sys(mmap, 0, PAGE, RW, MAP_SHARED, self, 0), -EACCES,
       "mmap shared and writable of a read-only descriptor is EACCES");
    is(sys(mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, null, 0), -EACCES,
       "mmap of a write-only descriptor is EACCES");
    is(sys(mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, root, 0), -ENODEV,
       "mmap of a directory is ENODEV");
    is(sys(mmap, KERNEL, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM,
       "mmap fixed in the kernel half is ENOMEM");
    is(sys(mmap, USER_END, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM,
       "mmap fixed above user space is ENOMEM");
    is(sys(mmap, USER_END - PAGE, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM,
       "mmap fixed over the end of user space is ENOMEM");
    is(sys(mmap, -PAGE, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM,
       "mmap fixed that wraps is ENOMEM");
    is(sys(mmap, 0x10000001, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), -EINVAL,
       "mmap fixed at an odd address is EINVAL");
    is(sys(mmap, edge(PAGE), PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), -EEXIST,
       "MAP_FIXED_NOREPLACE over a mapping is EEXIST");
    is(sys(mmap, edge(2 * PAGE), 3 * PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), -EEXIST,
       "MAP_FIXED_NOREPLACE partly over a mapping is EEXIST");
    ok(kernel_can_read(edge(PAGE)), "a refused mmap leaves what was there");
    sys(close, root);
    sys(close, null);
}

static void test_munmap(char *page)
{
    is(sys(munmap, page + 1, PAGE), -EINVAL, "munmap of an odd address is EINVAL");
    is(sys(munmap, page, 0), -EINVAL, "munmap of no bytes is EINVAL");
    is(sys(munmap, page, -1), -EINVAL, "munmap of 2^64 - 1 bytes is EINVAL");
    is(sys(munmap, page, USER_END), -EINVAL, "munmap over the end of user space is EINVAL");
    is(sys(munmap, KERNEL, PAGE), -EINVAL, "munmap in the kernel half is EINVAL");
    is(sys(munmap, USER_END, PAGE), -EINVAL, "munmap above user space is EINVAL");
    is(sys(munmap, -PAGE, PAGE), -EINVAL, "munmap of the last page is EINVAL");
    is(sys(munmap, bad_pointers[1].address, PAGE), 0, "munmap of what is not mapped is 0");
    ok(kernel_can_read(page), "a refused munmap leaves what was there");
}

static void test_mprotect(char *three)
{
    is(sys(mprotect, three + 1, PAGE, PROT_READ), -EINVAL, "mprotect at an odd address is EINVAL");
    is(sys(mprotect, three, 0, PROT_NONE), 0, "mprotect of no bytes is 0");
    is(sys(mprotect, three, -1, PROT_NONE), -ENOMEM, "mprotect of 2^64 - 1 bytes is ENOMEM");
    is(sys(mprotect, three, PAGE, 0x10), -EINVAL, "mprotect to an unknown right is EINVAL");
    is(sys(mprotect, three, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), -EINVAL,
       "mprotect growing both ways is EINVAL");
    is(sys(mprotect, KERNEL, PAGE, PROT_READ), -ENOMEM, "mprotect in the kernel half is ENOMEM");
    is(sys(mprotect, bad_pointers[1].address, PAGE, PROT_READ), -ENOMEM,
       "mprotect of what is not mapped is ENOMEM");
    ok(kernel_can_write(three), "a refused mprotect leaves the page writable");
    sys(munmap, three + PAGE, PAGE);
    is(sys(mprotect, three, 3 * PAGE, PROT_READ), -ENOMEM, "mprotect over a hole is ENOMEM");
    ok(!kernel_can_write(three), "mprotect over a hole has protected what lies before it");
    ok(kernel_can_write(three + 2 * PAGE), "mprotect over a hole leaves what lies behind it");
}

static void test_madvise(char *three)
{
    three[0] = three[PAGE] = three[2 * PAGE] = 'x';
    is(sys(madvise, three + 1, PAGE, MADV_DONTNEED), -EINVAL, "madvise at odd address is EINVAL");
    is(sys(madvise, three, -1, MADV_DONTNEED), -EINVAL, "madvise of 2^64 - 1 bytes is EINVAL");
    is(sys(madvise, three, PAGE, 9999), -EINVAL, "madvise of an unknown advice is EINVAL");
    is(sys(madvise, three, PAGE, -1), -EINVAL, "madvise of advice -1 is EINVAL");
    is(sys(madvise, three, 0, MADV_DONTNEED), 0, "madvise of no bytes is 0");
    is(sys(madvise, bad_pointers[1].address, PAGE, MADV_DONTNEED), -ENOMEM,
       "madvise of what is not mapped is ENOMEM");
    ok(three[0] == 'x', "a refused madvise leaves the content");
    sys(munmap, three + PAGE, PAGE);
    is(sys(madvise, three, 3 * PAGE, MADV_DONTNEED), -ENOMEM, "madvise over a hole is ENOMEM");
    ok(three[0] == 0 && three[2 * PAGE] == 0, "madvise over a hole has done both sides of it");
}

static void test_mremap(char *two)
{
    two[0] = 'x';
    is(sys(mremap, two + 1, PAGE, PAGE, 0), -EINVAL, "mremap of an odd address is EINVAL");
    is(sys(mremap, two, PAGE, 0, 0), -EINVAL, "mremap to no bytes is EINVAL");
    is(sys(mremap, two, 0, PAGE, MREMAP_MAYMOVE), -EINVAL, "mremap of 0 private bytes is EINVAL");
    is(sys(mremap, two, PAGE, PAGE, 0x80), -EINVAL, "mremap with an unknown flag is EINVAL");
    is(sys(mremap, two, PAGE, PAGE, MREMAP_FIXED, 0x10000000), -EINVAL,
       "MREMAP_FIXED without MREMAP_MAYMOVE is EINVAL");
    is(sys(mremap, two, 2 * PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, two + PAGE), -EINVAL,
       "mremap onto itself is EINVAL");
    is(sys(mremap, two, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, 0x10000001), -EINVAL,
       "mremap to an odd address is EINVAL");
    is(sys(mremap, two, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, KERNEL), -EINVAL,
       "mremap to the kernel half is EINVAL");
    is(sys(mremap, bad_pointers[1].address, PAGE, 2 * PAGE, MREMAP_MAYMOVE), -EFAULT,
       "mremap of what is not mapped is EFAULT");
    is(sys(mremap, KERNEL, PAGE, 2 * PAGE, MREMAP_MAYMOVE), -EFAULT,
       "mremap of the kernel half is EFAULT");
    is(sys(mremap, two, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE), -EFAULT,
       "mremap of more than one mapping is EFAULT");
    is(sys(mremap, two, PAGE, 4 * PAGE, 0), -ENOMEM, "mremap with no room to grow is ENOMEM");
    is(sys(mremap, two, PAGE, USER_END - PAGE, MREMAP_MAYMOVE), -ENOMEM,
       "mremap to nearly all of user space is ENOMEM");
    ok(two[0] == 'x' && kernel_can_write(two + PAGE), "a refused mremap leaves what was there");
}

static void test_brk(void)
{
    long now = sys(brk, 0);

    ok(now > 0 && now < (long)USER_END, "brk(0) tells where the heap ends");
    is(sys(brk, 1), now, "brk below the heap changes nothing");
    is(sys(brk, KERNEL), now, "brk into the kernel half changes nothing");
    is(sys(brk, -1), now, "brk to the last byte changes nothing");
    is(sys(brk, USER_END), now, "brk into the stack changes nothing");
}

int main(int argc, char *argv[])
{
    (void)argc;
    make_bad_pointers();
    plan(70);
    test_mmap(open(argv[0], O_RDONLY));
    test_munmap(map_alone(1));
    test_mprotect(map_alone(3));
    test_madvise(map_alone(3));
    test_mremap(map_alone(2));
    test_brk();
    return done();
}
