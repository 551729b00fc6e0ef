// What is measured, as a line of JSON to whoever collects it (docs/measuring.md has the schema), and
// as a line that a person can read on the console.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bench_json.h"

static char text[128 * 1024]; // a histogram whose every bucket is filled fits
static struct json json = {.text = text, .size = sizeof(text)};
static char label[80]; // of the readable line
static int port = -1;  // -1: stdout

bool record_open(const char *path)
{
    port = -1;
    if (strcmp(path, "-") == 0)
        return true;
    // A device that is missing must not become a file in memory that nobody ever reads.
    int more = strncmp(path, "/dev/", 5) == 0 ? 0 : O_CREAT | O_APPEND;
    port = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC | more, 0644);
    if (port < 0)
        return false;
    struct termios raw;
    if (tcgetattr(port, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(port, TCSANOW, &raw);
    } else if (errno == EIO) { // Linux has a file for each port that a machine could have
        close(port);
        port = -1;
        return false;
    }
    return true;
}

void record_close(void)
{
    if (port < 0)
        return;
    tcdrain(port); // what a power-off would swallow; of use on a terminal only
    close(port);
    port = -1;
}

static bool write_all(const char *from, size_t size)
{
    while (size) {
        ssize_t written = write(port, from, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        from += written;
        size -= (size_t)written;
    }
    return true;
}

static void put_record(void)
{
    if (json.full) {
        printf("bench: a record is too long, and lost: %s\n", label);
        return;
    }
    json.text[json.used++] = '\n';
    if (port >= 0 && write_all(json.text, json.used))
        return;
    if (port >= 0) {
        printf("bench: writing a record failed (%s); records follow here\n", strerror(errno));
        close(port);
        port = -1;
    }
    printf("record: %.*s", (int)json.used, json.text);
}

__attribute__((format(printf, 1, 2))) static void label_add(const char *format, ...)
{
    size_t used = strlen(label);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(label + used, sizeof(label) - used, format, arguments);
    va_end(arguments);
}

void record_begin(const char *measurement)
{
    json.used = 0;
    json.full = false;
    json_add(&json, "{\"schema\":1,\"measurement\":\"%s\"", measurement);
    snprintf(label, sizeof(label), "%-10s", measurement);
}

void record_text(const char *key, const char *value)
{
    json_add(&json, ",\"%s\":", key);
    json_string(&json, value);
    label_add(" %-8s", value);
}

void record_number(const char *key, long value)
{
    json_add(&json, ",\"%s\":%ld", key, value);
    label_add(" %s %-3ld", key, value);
}

void record_door(enum door door)
{
    record_text("door", door == DOOR_INT ? "int" : "syscall");
}

static void add_distribution(const struct result *result)
{
    const struct distribution *d = &result->ticks;
    const struct {
        const char *key;
        uint64_t value;
    } figures[] = {{"min", d->min},   {"p50", d->p50}, {"p90", d->p90}, {"p99", d->p99},
                   {"p999", d->p999}, {"max", d->max}, {"mad", d->mad}};
    json_add(&json, "\"kind\":\"%s\",\"per\":%u,\"n\":%zu",
             result->kind == RESULT_SINGLE ? "single" : "batch", result->per, d->count);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        json_add(&json, ",\"%s\":%.10g", figures[i].key, (double)figures[i].value / result->per);
    json_add(&json, ",\"mean\":%.10g,\"ci\":[%.10g,%.10g]", d->mean / result->per,
             (double)d->ci_low / result->per, (double)d->ci_high / result->per);
    if (result->ticked < 0)
        json_add(&json, ",\"ticked\":null");
    else
        json_add(&json, ",\"ticked\":%ld", result->ticked);
    json_add(&json, ",\"migrated\":%ld,\"overhead\":%llu", result->migrated,
             (unsigned long long)result->overhead);
}

static double total_rate(const struct result *result)
{
    double total = 0;
    for (unsigned i = 0; i < result->threads; i++)
        total += result->each[i];
    return total;
}

static void add_rate(const struct result *result)
{
    json_add(&json, "\"kind\":\"rate\",\"calls_per_second\":%.10g,\"seconds\":%.6g,\"each\":",
             total_rate(result), result->seconds);
    for (unsigned i = 0; i < result->threads; i++)
        json_add(&json, "%c%.10g", i ? ',' : '[', result->each[i]);
    json_add(&json, "]");
}

static void add_histogram(const struct histogram *histogram)
{
    json_add(&json, ",\"histogram\":{\"bits\":%d,\"counts\":[", HISTOGRAM_BITS);
    bool first = true;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!histogram->counts[i])
            continue;
        json_add(&json, "%s[%u,%llu]", first ? "" : ",", i,
                 (unsigned long long)histogram->counts[i]);
        first = false;
    }
    json_add(&json, "]}");
}

static void print_line(const struct result *result)
{
    printf("%-44s ", label);
    double per = result->per;
    switch (result->kind) {
    case RESULT_ABSENT:
        printf("%s\n", result->absent);
        break;
    case RESULT_EXACT:
        printf("%.10g instructions%s\n", result->value, result->inexact ? " (not exact)" : "");
        break;
    case RESULT_RATE:
        printf("%.3f M calls/s\n", total_rate(result) / 1e6);
        break;
    default:
        printf("%10.1f ns  %9.1f ticks [%.1f %.1f]", machine_ns((double)result->ticks.p50 / per),
               (double)result->ticks.p50 / per, (double)result->ticks.ci_low / per,
               (double)result->ticks.ci_high / per);
        if (result->ticked > 0)
            printf(", %ld of %zu ticked", result->ticked, result->ticks.count);
        if (result->migrated)
            printf(", %ld migrated", result->migrated);
        printf("\n");
    }
    fflush(stdout);
}

void print_ratio(const struct result *a, const struct result *b)
{
    const struct distribution *x = &a->ticks, *y = &b->ticks;
    if (a->absent || b->absent || a->kind != b->kind || bench.exact || !y->p50)
        return;
    printf("%-44s ", "  int 0x80 / syscall");
    double per_x = a->per, per_y = b->per;
    if (stats_differ((double)x->ci_low / per_x, (double)x->ci_high / per_x,
                     (double)y->ci_low / per_y, (double)y->ci_high / per_y))
        printf("%10.2f\n", ((double)x->p50 / per_x) / ((double)y->p50 / per_y));
    else
        printf("no difference shown\n");
}

static void add_sample(const struct result *result)
{
    json_add(&json, ",\"sample\":{");
    if (result->kind == RESULT_EXACT)
        json_add(&json, "\"kind\":\"exact\",\"per\":%u,\"value\":%.10g%s", result->per,
                 result->value, result->inexact ? ",\"inexact\":true" : "");
    else if (result->kind == RESULT_RATE)
        add_rate(result);
    else
        add_distribution(result);
    json_add(&json, "}");
    if (result->kind == RESULT_SINGLE)
        add_histogram(result->histogram);
}

void record_end(const struct result *result)
{
    struct result shown = *result;
    if (shown.absent) // from the start, or because something went wrong on the way
        shown.kind = RESULT_ABSENT;
    else if (shown.kind == RESULT_ABSENT)
        shown.absent = "not measured";

    json_add(&json, ",\"unit\":\"%s\",\"machine\":%s", bench.exact ? "instructions" : "ticks",
             machine_json());
    if (shown.absent) {
        json_add(&json, ",\"absent\":");
        json_string(&json, shown.absent);
    } else {
        add_sample(&shown);
    }
    json_add(&json, "}");
    print_line(&shown);
    put_record();
}
