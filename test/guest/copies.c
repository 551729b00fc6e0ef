// The kernel's own accesses to memory follow what becomes of it, as the program's do: with page-table
// isolation and PCIDs, a CPU holds a page's translation for each of the two apart. Before each change
// both have used the page; what is seen after it is asked of the kernel: a pause with the time in the
// page is 0, or EINVAL where the time is none.

#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pointers.h"

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

enum { FEW = 1, MANY = 100, TURNS = 50 }; // MANY: so many pages that all of the TLB is flushed

static const struct timespec valid = {0, 0}, invalid = {0, -1};

static long pause_of(const void *time)
{
    return sys(nanosleep, time, NULL);
}

// Each page, with what is in it seen by both.
static char *used_pages(size_t pages, struct timespec time)
{
    char *p = map_anonymous(pages * PAGE, RW);

    for (size_t i = 0; i < pages; i++) {
        memcpy(p + i * PAGE, &time, sizeof(time));
        pause_of(p + i * PAGE);
        sys(clock_gettime, CLOCK_MONOTONIC, p + i * PAGE + 64);
    }
    return p;
}

static int pages_of(char *p, size_t pages, long answer)
{
    int found = 0;

    for (size_t i = 0; i < pages; i++)
        found += pause_of(p + i * PAGE) == answer;
    return found;
}

static void test_replacing(int pages, const char *sentence)
{
    char *p = used_pages((size_t)pages, valid);

    (void)mmap(p, (size_t)pages * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
    char *elsewhere = used_pages((size_t)pages, valid); // in the frames that are free now
    for (int i = 0; i < pages; i++)
        memcpy(p + i * PAGE, &invalid, sizeof(invalid));
    is(pages_of(p, (size_t)pages, -EINVAL), pages, sentence);
    munmap(p, (size_t)pages * PAGE);
    munmap(elsewhere, (size_t)pages * PAGE);
}

static void test_protecting(int pages, const char *sentence)
{
    char *p = used_pages((size_t)pages, valid);
    int refused = 0;

    mprotect(p, (size_t)pages * PAGE, PROT_READ);
    for (int i = 0; i < pages; i++)
        refused += sys(clock_gettime, CLOCK_MONOTONIC, p + i * PAGE) == -EFAULT;
    is(refused, pages, sentence);
    munmap(p, (size_t)pages * PAGE);
}

// The child looks only once the parent waits for it, or the check finds less than it could.
static void test_forking(void)
{
    char *p = used_pages(FEW, valid);
    int status = -1;

    memset(p, 0, PAGE);
    pid_t child = fork();
    if (!child)
        _exit(p[64] || memcmp(p + 64, p + 65, 15) != 0); // still zero
    sys(clock_gettime, CLOCK_MONOTONIC, p + 64);
    waitpid(child, &status, 0);
    is(status, 0, "what the kernel writes for a parent after fork, its child does not see");
    munmap(p, PAGE);
}

static int alternate(const void *time, long answer)
{
    int wrong = 0;

    for (int i = 0; i < TURNS; i++) {
        wrong += pause_of(time) != answer;
        sched_yield();
    }
    return wrong;
}

static void test_taking_turns(void)
{
    char *p = used_pages(FEW, valid);
    cpu_set_t all, first;
    int status = -1, cpu = 0;

    sched_getaffinity(0, sizeof(all), &all);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET(cpu, &first);
    sched_setaffinity(0, sizeof(first), &first);
    pid_t child = fork();
    if (!child) {
        memcpy(p, &invalid, sizeof(invalid));
        _exit(alternate(p, -EINVAL) != 0);
    }
    int wrong = alternate(p, 0);
    waitpid(child, &status, 0);
    is(wrong + status, 0, "of two processes in turn on one CPU, the kernel reads each one's own");
    sched_setaffinity(0, sizeof(all), &all);
}

int main(void)
{
    plan(6);
    test_replacing(FEW, "a page that takes another's place is the one that the kernel reads");
    test_replacing(MANY, "so are many");
    test_protecting(FEW, "a page that is protected is not written by the kernel either");
    test_protecting(MANY, "nor are many");
    test_forking();
    test_taking_turns();
    return done();
}
