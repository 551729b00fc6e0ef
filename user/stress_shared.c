// What the workers do to one another. A ring of seats passes tokens from hand to hand: a wake-up
// that is lost stops the ring. A few shared pages are unmapped, replaced and protected under
// everyone's feet: a TLB entry that outlives its page shows old contents or lets the kernel write
// where it must not.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "stress.h"

#define PAGE  4096
#define PAGES 8

// ---- tokens

#define TOKEN 2 // a seat counts what it has received in steps of two; the lowest bit says stop
#define STOP  1

static struct seat {
    _Alignas(64) _Atomic uint32_t received;
} * seats;

static uint32_t tokens(void)
{
    return stress.threads > 8 ? (uint32_t)stress.threads / 4 : 1;
}

static void pass_token(struct worker *w)
{
    struct seat *next = &seats[(w->index + 1) % stress.threads];
    w->spent += TOKEN;
    atomic_fetch_add(&next->received, TOKEN);
    long woken = CALL(w, futex, POINTER(&next->received), FUTEX_WAKE | FUTEX_PRIVATE, 1);
    if (woken != 0 && woken != 1)
        worker_expect(w, "threads woken, at most", 1, woken);
}

// Without a timeout: whoever sleeps here can only be saved by the wake-up that is due to it.
static void wait_for_token(struct worker *w)
{
    struct seat *seat = &seats[w->index];
    while (atomic_load(&seat->received) == w->spent) {
        long result = CALL(w, futex, POINTER(&seat->received), FUTEX_WAIT | FUTEX_PRIVATE, w->spent,
                           0 /* for ever */);
        if (result != 0 && result != -EAGAIN)
            worker_expect(w, "result", 0, result);
    }
}

// ---- pages

static struct {
    _Atomic uint32_t generation; // publishes what the mapper wrote below while nobody looked
    enum { WRITABLE, READ_ONLY, GONE } state;
    uint8_t *base;
    uint64_t stamp; // each page begins with this plus its index
    _Atomic uint32_t still_looking;
} pages;

static volatile uint64_t *page_word(uint32_t page, uint32_t word)
{
    return (volatile uint64_t *)(void *)(pages.base + page * PAGE) + word;
}

static void look_at_pages(struct worker *w)
{
    uint32_t mine = 2 + 2 * ((uint32_t)w->index % (PAGE / 16 - 1)); // two words, a timespec's size
    uint64_t r = random_next(&w->random);
    w->generation = atomic_load(&pages.generation);
    for (uint32_t page = 0; page < PAGES && pages.state != GONE; page++) {
        uint64_t got = *page_word(page, 0);
        if (got != pages.stamp + page)
            worker_expect(w, "a shared page's contents after it was mapped anew",
                          (int64_t)(pages.stamp + page), (int64_t)got);
        if (pages.state == WRITABLE)
            *page_word(page, mine) = r; // so that this CPU holds a writable TLB entry
    }
    // Nobody catches a fault here, so the kernel is sent to try what ring 3 may not.
    long expected = pages.state == WRITABLE ? 0 : -EFAULT;
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t target = POINTER(page_word((r >> 8 * i) % PAGES, mine));
        worker_expect(w, pages.state == GONE ? "writing an unmapped page" : "writing a shared page",
                      expected, CALL(w, clock_gettime, CLOCK_MONOTONIC, target));
        if (pages.state == GONE)
            worker_expect(w, "reading an unmapped page", -EFAULT, CALL(w, nanosleep, target, 0));
    }
    if (atomic_fetch_sub(&pages.still_looking, 1) == 1)
        CALL(w, futex, POINTER(&pages.still_looking), FUTEX_WAKE | FUTEX_PRIVATE, 1);
}

// Has every worker look at the pages as they are now, and waits until all have.
static void show_pages(struct worker *w, int state)
{
    uint32_t left = (uint32_t)stress.threads;
    pages.state = state;
    atomic_store(&pages.still_looking, left);
    atomic_fetch_add(&pages.generation, 1);
    while ((left = atomic_load(&pages.still_looking)) != 0)
        CALL(w, futex, POINTER(&pages.still_looking), FUTEX_WAIT | FUTEX_PRIVATE, left,
             0 /* for ever */);
}

// New pages are zero. They are written in random order: a stale entry for one page then leads to a
// frame that now serves another, and cannot show the right contents by chance.
static void stamp_pages(struct worker *w)
{
    uint32_t first = (uint32_t)random_next(&w->random), step = 1 + 2 * (first >> 8 & 3);
    pages.stamp = random_next(&w->random);
    for (uint32_t i = 0; i < PAGES; i++) {
        uint32_t page = (first + i * step) % PAGES;
        for (uint32_t word = 0; word < PAGE / 8; word++)
            if (*page_word(page, word) != 0) {
                worker_expect(w, "a new page's word", 0, (int64_t)*page_word(page, word));
                break;
            }
        *page_word(page, 0) = pages.stamp + page;
    }
}

static void protect_pages(struct worker *w, uint64_t protection)
{
    worker_expect(w, "result", 0, CALL(w, mprotect, POINTER(pages.base), PAGES * PAGE, protection));
}

static void unmap_pages(struct worker *w)
{
    worker_expect(w, "result", 0, CALL(w, munmap, POINTER(pages.base), PAGES * PAGE));
}

static void map_pages(struct worker *w)
{
    worker_expect(w, "result", (int64_t)POINTER(pages.base),
                  CALL(w, mmap, POINTER(pages.base), PAGES * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

void shared_mapper(struct worker *w)
{
    while (!atomic_load(&stress.stop_mapper)) {
        uint64_t r = random_next(&w->random);
        calls_move(w); // let the invalidations come from any CPU
        stamp_pages(w);
        show_pages(w, WRITABLE);
        if (r & 1) {
            protect_pages(w, PROT_READ);
            show_pages(w, READ_ONLY);
            protect_pages(w, PROT_READ | PROT_WRITE);
            if (r & 2)
                show_pages(w, WRITABLE);
        }
        switch (r >> 2 & 3) {
        case 0:
            worker_expect(w, "result", 0,
                          CALL(w, madvise, POINTER(pages.base), PAGES * PAGE, MADV_DONTNEED));
            break;
        case 1: // straight over what is there
            map_pages(w);
            break;
        case 2:
            unmap_pages(w);
            show_pages(w, GONE);
            map_pages(w);
            break;
        default:
            protect_pages(w, PROT_NONE);
            show_pages(w, GONE);
            unmap_pages(w);
            map_pages(w);
            break;
        }
    }
}

// ---- start, part, end

bool shared_start(void)
{
    seats = aligned_alloc(64, sizeof(*seats) * (size_t)stress.threads);
    pages.base =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!seats || pages.base == MAP_FAILED)
        return false;
    for (int i = 0; i < stress.threads; i++)
        atomic_init(&seats[i].received, (uint32_t)i < tokens() ? TOKEN : 0);
    return true;
}

void shared_round(struct worker *w)
{
    if (atomic_load_explicit(&pages.generation, memory_order_acquire) != w->generation)
        look_at_pages(w);
    uint64_t r = random_next(&w->random);
    if ((atomic_load(&seats[w->index].received) & ~STOP) != w->spent) {
        if ((r & 3) == 0)
            pass_token(w);
    } else if ((r & 63) == 0) {
        wait_for_token(w);
    }
}

// The word changes before the wake-up, so that a waiter just about to sleep is turned away.
void shared_stop(struct worker *w)
{
    for (int i = 0; i < stress.threads; i++) {
        atomic_fetch_or(&seats[i].received, STOP);
        CALL(w, futex, POINTER(&seats[i].received), FUTEX_WAKE | FUTEX_PRIVATE, 1);
    }
}

void shared_count(struct worker *workers)
{
    uint32_t left = 0;
    for (int i = 0; i < stress.threads; i++)
        left += (atomic_load(&seats[i].received) & ~STOP) - workers[i].spent;
    worker_expect(&workers[0], "tokens left in the ring", tokens(), left / TOKEN);
}
