/* Physical page frames. One word of bookkeeping stands for each frame from address 0 to
 * frames_end(); freed frames form a list through these words, and what was never handed out yet is
 * found by a watermark that only rises. What lies above it has no meaning yet, but in holes of the memory
 * map, so that boot neither makes a list of all memory nor clears a word for each frame of it: 64 GiB have
 * 64 MiB of words. */
#include "mm/frames.h"
#include "cpu/panic.h"
#include "cpu/spinlock.h"
#include "lib/string.h"
#include "mm/alloc_fail.h"
#include <asm/errno.h>

/* A frame's word, below the watermark. 0: not ours. 1 to REFS_MAX: allocated, with so many references.
 * FREE | n: free, and the next on the list is frame n (0 ends it: frame 0 is never ours). */
#define REFS_MAX 0x7fffffffu
#define FREE     0x80000000u

/* Below 1 MiB lie the firmware's data, the trampoline and the windows of old devices. */
#define LOWEST_FRAME (0x100000UL / PAGE_SIZE)
/* Where the words must lie. */
#define BOOT_MAPPED_FRAMES (BOOT_MAPPED / PAGE_SIZE)

static struct spinlock frames_lock = SPINLOCK("frames", LOCK_FRAMES);
static uint32_t *words;
static uint64_t frame_count; /* words */
static uint32_t free_list;
static size_t total_count, free_count;

struct span {
    uint64_t first, end; /* frame numbers; nothing when first >= end */
};

/* The frames that may be handed out next: fresh.first is the watermark. */
static struct span fresh;
/* What frames are found by, beyond `fresh`. */
static const struct phys_range *usable_ranges, *reserved_ranges;
static size_t usable_ranges_count, reserved_ranges_count;
static struct span words_place;

/* A usable range that wraps past the top of the address space is a broken map: no memory. */
static struct span whole_frames(const struct phys_range *range)
{
    uint64_t end, first = range->base / PAGE_SIZE + (range->base % PAGE_SIZE != 0);
    if (__builtin_add_overflow(range->base, range->size, &end))
        end = 0;
    return (struct span){first < LOWEST_FRAME ? LOWEST_FRAME : first, end / PAGE_SIZE};
}

/* A reserved range that wraps reserves everything up to the top. */
static struct span touched_frames(const struct phys_range *range)
{
    uint64_t end;
    if (__builtin_add_overflow(range->base, range->size, &end))
        end = UINT64_MAX;
    if (range->size == 0)
        return (struct span){0};
    return (struct span){range->base / PAGE_SIZE, end / PAGE_SIZE + (end % PAGE_SIZE != 0)};
}

/* The highest end of a usable range that is not above `limit`; 0 when there is none. */
static uint64_t highest_end(const struct phys_range *usable, size_t usable_count, uint64_t limit)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < usable_count; i++) {
        struct span span = whole_frames(&usable[i]);
        if (span.first < span.end && span.end <= limit && span.end > highest)
            highest = span.end;
    }
    return highest;
}

/* The lowest frame from which on `count` frames lie in one usable range, below 4 GiB and clear of
 * all reserved ones; 0 when there is none. */
static uint64_t lowest_fit(const struct phys_range *usable, size_t usable_count,
                           const struct phys_range *reserved, size_t reserved_count, uint64_t count)
{
    uint64_t lowest = 0;
    for (size_t i = 0; i < usable_count; i++) {
        struct span span = whole_frames(&usable[i]);
        uint64_t at = span.first;
        for (size_t j = 0; j < reserved_count;) {
            struct span taken = touched_frames(&reserved[j]);
            if (taken.first < at + count && at < taken.end) {
                at = taken.end;
                j = 0; /* an earlier one may be in the way now */
            } else {
                j++;
            }
        }
        uint64_t end = span.end < BOOT_MAPPED_FRAMES ? span.end : BOOT_MAPPED_FRAMES;
        if (at + count <= end && (lowest == 0 || at < lowest))
            lowest = at;
    }
    return lowest;
}

/* The lowest frames from `from` on that are ours, as far as no range begins or ends among them. Nothing
 * when there are none. */
static struct span next_ours(uint64_t from)
{
    for (;;) {
        struct span span = {frame_count, 0};
        for (size_t i = 0; i < usable_ranges_count; i++) {
            struct span usable = whole_frames(&usable_ranges[i]);
            uint64_t first = usable.first > from ? usable.first : from;
            uint64_t end = usable.end < frame_count ? usable.end : frame_count;
            if (first < end && first < span.first)
                span = (struct span){first, end};
        }
        if (span.end == 0)
            return span;
        uint64_t behind = 0;
        for (size_t i = 0; i <= reserved_ranges_count; i++) {
            struct span taken =
                i < reserved_ranges_count ? touched_frames(&reserved_ranges[i]) : words_place;
            if (taken.first > span.first && taken.first < taken.end && taken.first < span.end)
                span.end = taken.first;
            else if (taken.first <= span.first && taken.end > span.first)
                behind = taken.end;
        }
        if (!behind)
            return span;
        from = behind;
    }
}

int frames_init(const struct phys_range *usable, size_t usable_count,
                const struct phys_range *reserved, size_t reserved_count)
{
    uint64_t end = ~FREE, place = 0, place_size = 0;

    /* A bogus or lonely range far up would cost more words than there is room for: then it is left
     * out, and the rest is taken. */
    while (place == 0) {
        end = highest_end(usable, usable_count, end - 1);
        if (end == 0)
            return -ENOMEM;
        place_size = (end * sizeof *words + PAGE_SIZE - 1) / PAGE_SIZE;
        place = lowest_fit(usable, usable_count, reserved, reserved_count, place_size);
    }

    words = phys_to_virt(place * PAGE_SIZE);
    words_place = (struct span){place, place + place_size};
    frame_count = end;
    usable_ranges = usable;
    usable_ranges_count = usable_count;
    reserved_ranges = reserved;
    reserved_ranges_count = reserved_count;
    free_list = 0;
    total_count = 0;
    /* A hole has words too, which say that it is not ours. They are cleared here and not when the first
     * frame behind it is wanted: a hole may be long, and that one is wanted with interrupts off. */
    uint64_t at = 0;
    for (struct span span; (span = next_ours(at)).end != 0; at = span.end) {
        memset(words + at, 0, (span.first - at) * sizeof *words);
        total_count += span.end - span.first;
    }
    free_count = total_count;
    fresh = next_ours(0);
    return 0;
}

phys_addr_t frame_alloc(void)
{
    if (alloc_fail_now())
        return 0;
    spin_lock(&frames_lock);
    uint64_t frame = free_list;
    if (frame != 0) {
        free_list = words[frame] & ~FREE;
    } else if (free_count != 0) {
        if (fresh.first == fresh.end)
            fresh = next_ours(fresh.end);
        frame = fresh.first++;
    }
    if (frame != 0) {
        words[frame] = 1;
        free_count--;
    }
    spin_unlock(&frames_lock);
    return frame * PAGE_SIZE;
}

phys_addr_t frame_alloc_zeroed(void)
{
    phys_addr_t frame = frame_alloc();
    if (frame != 0)
        memset(phys_to_virt(frame), 0, PAGE_SIZE);
    return frame;
}

/* The word of an allocated frame. The lock is held. */
static uint32_t *allocated(phys_addr_t frame, const char *caller)
{
    uint64_t number = frame / PAGE_SIZE;
    if (frame % PAGE_SIZE != 0 || number >= fresh.first || words[number] == 0 ||
        words[number] & FREE)
        panic("%s: 0x%lx is no allocated frame", caller, frame);
    return &words[number];
}

void frame_get(phys_addr_t frame)
{
    spin_lock(&frames_lock);
    uint32_t *word = allocated(frame, "frame_get");
    if (*word == REFS_MAX)
        panic("frame_get: too many references to 0x%lx", frame);
    ++*word;
    spin_unlock(&frames_lock);
}

void frame_put(phys_addr_t frame)
{
    spin_lock(&frames_lock);
    uint32_t *word = allocated(frame, "frame_put");
    if (--*word == 0) {
        *word = FREE | free_list;
        free_list = (uint32_t)(frame / PAGE_SIZE);
        free_count++;
    }
    spin_unlock(&frames_lock);
}

uint32_t frame_refs(phys_addr_t frame)
{
    spin_lock(&frames_lock);
    uint32_t refs = *allocated(frame, "frame_refs");
    spin_unlock(&frames_lock);
    return refs;
}

size_t frames_words_size(void)
{
    return (words_place.end - words_place.first) * PAGE_SIZE;
}

size_t frames_total(void)
{
    return total_count;
}

size_t frames_free(void)
{
    spin_lock(&frames_lock);
    size_t count = free_count;
    spin_unlock(&frames_lock);
    return count;
}

phys_addr_t frames_end(void)
{
    return frame_count * PAGE_SIZE;
}
