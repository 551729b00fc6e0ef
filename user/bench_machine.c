// Whose figures these are: what CPUID, the kernel and the host say, as the JSON object that every
// record carries, and the rate of the TSC.
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench_json.h"
#include "cpu.h"

static char text[6144], host_text[1024];
static struct json json = {.text = text, .size = sizeof(text)};
static struct json host = {.text = host_text, .size = sizeof(host_text)};
static double tsc_khz;

void machine_host(const char *key, const char *value)
{
    if (host.used)
        json_add(&host, ",");
    json_string(&host, key);
    json_add(&host, ":");
    json_string(&host, value);
}

const char *machine_json(void)
{
    return text;
}

double machine_ns(double ticks)
{
    return ticks * 1e6 / tsc_khz;
}

// ---- what the kernel says of itself, lines `key: value`; NULL on Linux, or if it is not there

static char about[4096];

static void read_about(void)
{
    int file = bench.doors.one_table ? open("/dev/sallyport", O_RDONLY | O_CLOEXEC) : -1;
    size_t used = 0;
    for (ssize_t got; file >= 0 && used < sizeof(about) - 1; used += (size_t)got)
        if ((got = read(file, about + used, sizeof(about) - 1 - used)) <= 0)
            break;
    about[used] = 0;
    if (file >= 0)
        close(file);
}

// Copies the value of a key; NULL if there is none.
static const char *about_value(const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    for (const char *line = about; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, key, length) != 0 || line[length] != ':')
            continue;
        const char *from = line + length + 1;
        from += strspn(from, " ");
        snprintf(value, size, "%.*s", (int)strcspn(from, "\n"), from);
        return value;
    }
    return NULL;
}

static void add_about(const char *key)
{
    char value[1024];
    json_add(&json, ",\"%s\":", key);
    json_string(&json, about_value(key, value, sizeof(value)));
}

// "smap=on kpti=off" as an object.
static void add_mitigations(void)
{
    char value[1024], *rest = value;
    if (!about_value("mitigations", value, sizeof(value))) {
        json_add(&json, ",\"mitigations\":null");
        return;
    }
    json_add(&json, ",\"mitigations\":");
    char separator = '{';
    for (char *word; (word = strsep(&rest, " "));) {
        char *is = strchr(word, '=');
        if (!is)
            continue;
        *is = 0;
        json_add(&json, "%c", separator);
        json_string(&json, word);
        json_add(&json, ":");
        json_string(&json, is + 1);
        separator = ',';
    }
    json_add(&json, "%s}", separator == '{' ? "{" : "");
}

// ---- the TSC

struct rate {
    double khz, error_ppm; // < 0: not known
    const char *source;
};

// SDM vol. 3, 20.7.3 and CPUID leaves 0x15, 0x16; a hypervisor may answer 0x40000010 (VMware's).
static bool rate_of_cpuid(struct rate *rate)
{
    uint32_t last = cpuid(0, 0).eax;
    struct cpuid r = last >= 0x15 ? cpuid(0x15, 0) : (struct cpuid){0};
    *rate = (struct rate){.error_ppm = -1};
    if (r.eax && r.ebx && r.ecx) {
        rate->khz = (double)r.ecx * r.ebx / r.eax / 1e3;
        rate->source = "CPUID 0x15";
    } else if (cpu_hypervisor() && cpuid(0x40000000, 0).eax >= 0x40000010 &&
               cpuid(0x40000010, 0).eax) {
        rate->khz = cpuid(0x40000010, 0).eax;
        rate->source = "CPUID 0x40000010";
    } else if (last >= 0x16 && (cpuid(0x16, 0).eax & 0xffff)) {
        rate->khz = (cpuid(0x16, 0).eax & 0xffff) * 1e3;
        rate->source = "CPUID 0x16";
    }
    return rate->khz > 0;
}

struct instant {
    double ns, ticks, doubt; // ticks that lie between the two readings
};

// Both clocks at once, as near as they come in some tries.
static struct instant both_clocks(void)
{
    struct instant best = {.doubt = 1e18};
    for (int i = 0; i < 20; i++) {
        struct timespec t;
        uint64_t before = tsc_begin();
        clock_gettime(CLOCK_MONOTONIC_RAW, &t);
        double doubt = (double)(tsc_end(bench.has_rdtscp) - before) / 2;
        if (doubt < best.doubt)
            best = (struct instant){(double)t.tv_sec * 1e9 + (double)t.tv_nsec,
                                    (double)before + doubt, doubt};
    }
    return best;
}

// The error is how far apart the two readings of each clock may have been; that the kernel's clock
// is right it takes on trust.
static bool rate_of_clock(struct rate *rate)
{
    struct instant from = both_clocks();
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    struct instant to = both_clocks();
    double ticks = to.ticks - from.ticks;
    if (to.ns <= from.ns || ticks <= 0)
        return false;
    *rate = (struct rate){ticks / (to.ns - from.ns) * 1e6, (from.doubt + to.doubt) / ticks * 1e6,
                          "CLOCK_MONOTONIC_RAW"};
    return true;
}

static bool rate_of_kernel(struct rate *rate)
{
    static char source[64];
    char khz[64], error[64];
    if (!about_value("tsc_khz", khz, sizeof(khz)) || strtod(khz, NULL) <= 0)
        return false;
    *rate = (struct rate){strtod(khz, NULL), -1, "the kernel"};
    if (about_value("tsc_source", source, sizeof(source)) && *source)
        rate->source = source;
    if (about_value("tsc_error_ppm", error, sizeof(error)) && *error >= '0' && *error <= '9')
        rate->error_ppm = strtod(error, NULL);
    return true;
}

// ---- all of it

static void add_cpu(void)
{
    char brand[CPU_BRAND], vendor[13] = "";
    struct cpuid r = cpuid(0, 0);
    memcpy(vendor, &r.ebx, 4);
    memcpy(vendor + 4, &r.edx, 4);
    memcpy(vendor + 8, &r.ecx, 4);
    cpu_brand(brand);
    uint32_t signature = cpuid(1, 0).eax;
    uint32_t family = signature >> 8 & 15, model = signature >> 4 & 15;
    if (family == 6 || family == 15)
        model |= signature >> 12 & 0xf0;
    if (family == 15)
        family += signature >> 20 & 0xff;
    json_add(&json, ",\"cpu\":");
    json_string(&json, brand);
    json_add(&json, ",\"vendor\":");
    json_string(&json, vendor);
    json_add(&json, ",\"family\":%u,\"model\":%u,\"stepping\":%u", family, model, signature & 15);
}

// CPUID 7, EBX bit 9: `rep stosb` is fast here. Linux then clears pages with it, and QEMU counts each
// repetition of a string instruction.
static bool has_erms(void)
{
    return cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx >> 9 & 1);
}

static bool invariant_tsc(void)
{
    return cpuid(0x80000000, 0).eax >= 0x80000007 && (cpuid(0x80000007, 0).edx >> 8 & 1);
}

// As ENTRY of the build; Linux has none.
static const char *entry(void)
{
    if (!bench.doors.one_table)
        return NULL;
    if (!bench.doors.open[DOOR_SYSCALL])
        return "int";
    return bench.doors.open[DOOR_INT] ? "both" : "syscall";
}

bool machine_find(void)
{
    struct utsname name;
    struct rate rate;
    char value[64], kernel[160] = "an unnamed kernel";
    read_about();
    if (uname(&name) == 0)
        snprintf(kernel, sizeof(kernel), "%s %s", name.sysname, name.release);
    if (about_value("version", value, sizeof(value)))
        snprintf(kernel, sizeof(kernel), "Sallyport %s", value);
    if (!rate_of_kernel(&rate) && !rate_of_cpuid(&rate) && !rate_of_clock(&rate))
        return false;
    tsc_khz = rate.khz;

    json_add(&json, "{\"kernel\":");
    json_string(&json, kernel);
    add_about("build");
    add_about("git");
    json_add(&json, ",\"entry\":");
    json_string(&json, entry());
    add_about("compiler");
    add_cpu();
    add_about("features");
    json_add(&json, ",\"erms\":%s", has_erms() ? "true" : "false");
    add_mitigations();
    json_add(&json, ",\"lab\":%s,\"hypervisor\":", bench.lab ? "true" : "false");
    json_string(&json, cpu_hypervisor());
    json_add(&json, ",\"host\":{%s},\"cpus\":%ld,\"tsc_khz\":%.10g,\"tsc_source\":", host_text,
             (long)bench.cpu_count, rate.khz);
    json_string(&json, rate.source);
    if (rate.error_ppm < 0)
        json_add(&json, ",\"tsc_error_ppm\":null");
    else
        json_add(&json, ",\"tsc_error_ppm\":%.3g", rate.error_ppm);
    json_add(&json, ",\"tsc_invariant\":%s,\"icount\":%s}", invariant_tsc() ? "true" : "false",
             clock_counts_instructions() ? "true" : "false");
    return !json.full && !host.full;
}

const char *machine_line(void)
{
    static char line[256];
    char brand[CPU_BRAND], whose[64];
    cpu_brand(brand);
    cpu_whose_times(whose, sizeof(whose), tsc_khz / 1e6);
    snprintf(line, sizeof(line), "%s on %s, %u CPUs, TSC %.4f GHz; %s", bench.doors.kernel, brand,
             bench.cpu_count, tsc_khz / 1e6, bench.exact ? "exact guest instructions" : whose);
    return line;
}
