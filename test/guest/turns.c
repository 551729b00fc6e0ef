// Threads that change one address space at once, each change long enough to take many pieces: none gets in
// another's way, all get their turn, and what each finds in its own memory is what it wrote.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"

enum { THREADS = 5, ROUNDS = 2, PAGE = 4096, PAGES = 4000, STEP = 7 };

static long errors[THREADS];

static void fill(char *memory, long pages, uint64_t seed)
{
    for (long i = 0; i < pages; i += STEP)
        *(uint64_t *)(memory + i * PAGE) = seed + (uint64_t)i;
}

static long wrong(const char *memory, long pages, uint64_t seed)
{
    long count = 0;
    for (long i = 0; i < pages; i += STEP)
        count += *(const uint64_t *)(memory + i * PAGE) != seed + (uint64_t)i;
    return count;
}

static void *change(void *argument)
{
    long me = (long)argument;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t seed = ((uint64_t)me << 32) + (uint64_t)round * 1000003;
        char *p =
            mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            errors[me]++;
            continue;
        }
        fill(p, PAGES, seed);
        // Every other page is another area.
        for (long i = 0; i < 40; i += 2)
            errors[me] += mprotect(p + i * PAGE, PAGE, PROT_READ) != 0;
        errors[me] += mprotect(p, PAGES * PAGE, PROT_READ | PROT_WRITE) != 0;
        if (round == me % 2) {
            pid_t child = fork();
            if (child == 0)
                _exit(wrong(p, PAGES, seed) == 0 ? 0 : 1);
            int status = -1;
            errors[me] += waitpid(child, &status, 0) != child || status != 0;
        }
        p = mremap(p, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
        errors[me] += p == MAP_FAILED || wrong(p, PAGES, seed) || wrong(p + PAGES * PAGE, 1, 0);
        // The first half is replaced, the second goes.
        char *q = mmap(p, PAGES / 2 * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        errors[me] += q != p || *(uint64_t *)p != 0;
        fill(p, PAGES / 2, seed + 5);
        errors[me] += munmap(p + PAGES / 2 * PAGE, (2 * PAGES - PAGES / 2) * PAGE) != 0;
        errors[me] += wrong(p, PAGES / 2, seed + 5);
        errors[me] += madvise(p, PAGES / 2 * PAGE, MADV_DONTNEED) != 0 || *(uint64_t *)p != 0;
        errors[me] += munmap(p, PAGES / 2 * PAGE) != 0;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    plan(THREADS);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, change, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        is(errors[i], 0, "a thread's memory is its own, whatever others change meanwhile");
    return done();
}
