// Reading a mapped page that lies wholly beyond the file's end.
// dies: SIGBUS

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char *argv[])
{
    int fd = open(argv[0], O_RDONLY);
    struct stat status;
    size_t pages;
    volatile char *p;

    (void)argc;
    fstat(fd, &status);
    pages = (size_t)(status.st_size + 4095) / 4096;
    p = mmap(0, (pages + 1) * 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    return p[pages * 4096] * 0;
}
