/* How a rate is measured, how far it may be off, and which of several counters is believed. */

#include "cpu/calibrate.h"
#include "cpu/regs.h"
#include "dev/console.h"
#include "lib/format.h"

#define WINDOWS      3
#define WINDOW_HZ    200 /* a window takes 5 ms */
#define CHECK_HZ     500 /* one of 2 ms is enough to see whether another counter agrees */
#define ATTEMPTS     10
#define GOOD_PPM     1000    /* no need to try again */
#define READINGS     8       /* of which the quickest counts */
#define LOOKS        2000000 /* until a window ends; one takes a microsecond or more */
#define STANDSTILL   10000   /* looks after which a counter does not count at all */
#define CRYSTALS_PPM 500     /* what two crystals are apart, generously */

/* Reads once the counter is `ticks` beyond `from`, and counts on from there: a counter that wraps
 * once meanwhile is no harm. Of several readings it takes the one whose moment is known best: a
 * host may look away in any of them. False when the moment does not come. */
static bool read_after(const struct reference *ref, const struct reading *from, uint32_t ticks,
                       unsigned looks, struct reading *out)
{
    do {
        if (looks-- == 0)
            return false;
        ref->read(out);
    } while (((out->count - from->count) & ref->mask) < ticks);
    for (unsigned i = 1; i < READINGS; i++) {
        struct reading next;
        ref->read(&next);
        if (next.after - next.before < out->after - out->before)
            *out = next;
    }
    out->count = from->count + ((out->count - from->count) & ref->mask);
    return true;
}

/* The error: how well the moments are known, and one tick of the counter. */
static struct rate rate_between(const struct reference *ref, const struct reading *from,
                                const struct reading *to)
{
    uint64_t counted = to->count - from->count;
    uint64_t least = to->before - from->after, most = to->after - from->before;
    uint64_t ticks = (least + most) / 2;
    if (!counted || !ticks)
        return (struct rate){0, MILLION};
    return (struct rate){ticks * ref->hz / counted,
                         (most - least) * MILLION / 2 / ticks + MILLION / counted + 1};
}

/* Of the smaller one, so that it is an upper bound whichever is right. */
static uint64_t apart_ppm(uint64_t a, uint64_t b)
{
    uint64_t least = a < b ? a : b, most = a < b ? b : a;
    return least ? (most - least) * MILLION / least : MILLION;
}

/* Over all windows. What a single one differs by from that, beyond what both errors explain, is
 * error too. Nothing, when the host was away for so long that the counter may have wrapped. False
 * when it does not count. */
static bool measure(const struct reference *ref, unsigned windows, uint32_t window_hz,
                    struct rate *out)
{
    struct reading first, ends[WINDOWS + 1];
    *out = (struct rate){0, MILLION};
    if (ref->start)
        ref->start();
    ref->read(&first);
    if (!read_after(ref, &first, 1, STANDSTILL, &ends[0]))
        return false;
    for (unsigned i = 0; i < windows; i++)
        if (!read_after(ref, &ends[i], ref->hz / window_hz, LOOKS, &ends[i + 1]))
            return false;
    if (ref->overrun && ref->overrun())
        return true;

    const struct rate all = rate_between(ref, &ends[0], &ends[windows]);
    uint64_t spread = 0;
    for (unsigned i = 0; all.hz && i < windows; i++) {
        struct rate one = rate_between(ref, &ends[i], &ends[i + 1]);
        uint64_t ppm = apart_ppm(one.hz, all.hz), explained = one.error + all.error;
        if (ppm > explained && ppm - explained > spread)
            spread = ppm - explained;
    }
    *out = (struct rate){all.hz, all.error + spread < MILLION ? all.error + spread : MILLION};
    return true;
}

/* More attempts are for a host that was busy during the first. */
static struct rate measure_often(const struct reference *ref, unsigned windows, uint32_t window_hz)
{
    struct rate best = {0, MILLION}, next;
    for (unsigned i = 0;
         i < ATTEMPTS && best.error > GOOD_PPM && measure(ref, windows, window_hz, &next); i++)
        if (next.error < best.error)
            best = next;
    return best.hz >= 1000 ? best : (struct rate){0, MILLION};
}

static bool agree(const struct rate *a, const struct rate *b)
{
    return a->hz && b->hz && apart_ppm(a->hz, b->hz) <= a->error + b->error + CRYSTALS_PPM;
}

/* The first that another one confirms; else the last that counts: the PIT, which comes first, is
 * the one that emulators and chipsets take least care of. With a bad measurement nearly all agree, as
 * the errors add: then the better of the two it is. `count`: none counts. */
static size_t choose(const struct rate rates[], size_t count)
{
    size_t last = count;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            if (i != j && agree(&rates[i], &rates[j]))
                return rates[i].error > GOOD_PPM && rates[j].error < rates[i].error ? j : i;
        if (rates[i].hz)
            last = i;
    }
    return last;
}

/* Names those that disagree with the chosen one. How far the farthest is apart from it, in ppm,
 * where none is there that confirms it; else 0. */
static uint64_t doubt_about(size_t chosen, const struct reference *const references[],
                            const struct rate rates[], size_t count)
{
    uint64_t doubt = 0;
    bool confirmed = false;
    for (size_t i = 0; i < count; i++) {
        if (i == chosen || !rates[i].hz)
            continue;
        if (agree(&rates[i], &rates[chosen])) {
            confirmed = true;
            continue;
        }
        klog("time", "the %s disagrees with the %s: not believed", references[i]->name,
             references[chosen]->name);
        uint64_t apart = apart_ppm(rates[i].hz, rates[chosen].hz) + rates[i].error;
        doubt = apart > doubt ? apart : doubt;
    }
    return confirmed ? 0 : doubt;
}

const struct reference *calibrate(const struct reference *const references[], size_t count,
                                  struct rate *out)
{
    struct rate rates[REFERENCES_MAX];
    char text[200];
    size_t length = 0, first = count;
    for (size_t i = 0; i < count; i++) {
        bool whole = first == count;
        rates[i] = measure_often(references[i], whole ? WINDOWS : 1, whole ? WINDOW_HZ : CHECK_HZ);
        if (!rates[i].hz) {
            klog("time", "the %s does not count", references[i]->name);
            continue;
        }
        if (whole)
            first = i;
        length += format(text + length, sizeof(text) - length, "%s%lu kHz by %s (%lu ppm)",
                         length ? ", " : "", (rates[i].hz + 500) / 1000, references[i]->name,
                         rates[i].error);
    }
    size_t chosen = choose(rates, count);
    if (chosen == count)
        return NULL;
    klog("time", "TSC %s", text);
    if (chosen != first) {
        const struct rate longer = measure_often(references[chosen], WINDOWS, WINDOW_HZ);
        if (longer.hz)
            rates[chosen] = longer;
    }
    *out = rates[chosen];
    out->error += doubt_about(chosen, references, rates, count);
    if (out->error > MILLION)
        out->error = MILLION;
    return references[chosen];
}
