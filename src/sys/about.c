/* The text of /dev/sallyport: lines `key: value`, in an order that stays. docs/abi.md says what
 * each means. */

#include "sys/about.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/mitigations.h"
#include "lib/format.h"
#include "lib/static_assert.h"
#include "sys/doors.h"
#include "task/files.h"
#include "version.h"

#define STRING(x)  #x
#define VALUE(x)   STRING(x)
#define ID_BYTES   20 /* SHA-1 */
#define HEX_DIGITS (2 * ID_BYTES)

#ifdef __clang__
#define COMPILER                                                                                   \
    "clang " VALUE(__clang_major__) "." VALUE(__clang_minor__) "." VALUE(__clang_patchlevel__)
#else
#define COMPILER "gcc " __VERSION__
#endif

/* The linker's note (System V gABI, "Note Section"), which kernel.ld keeps in the image. */
extern const struct build_id_note {
    uint32_t name_size, id_size, type;
    char name[4]; /* "GNU" */
    uint8_t id[ID_BYTES];
} build_id_note;
static_assert(sizeof(struct build_id_note) == 36, "no padding in the note");

static char text[1024];

static void put_build_id(char digits[HEX_DIGITS + 1])
{
    for (size_t i = 0; i < ID_BYTES; i++)
        format(digits + 2 * i, 3, "%02x", build_id_note.id[i]);
}

static unsigned cpus_online(void)
{
    unsigned online = 0;
    for (unsigned i = 0; i < cpu_count; i++)
        online += cpu_block(i)->online;
    return online;
}

void about_init(bool lab)
{
    char build[HEX_DIGITS + 1], features[160], mitigations[256];
    put_build_id(build);
    cpu_feature_names(features, sizeof(features));
    mitigations_describe(mitigations, sizeof(mitigations));
    size_t length =
        format(text, sizeof(text),
               "version: " VERSION "\n"
               "entry: " ENTRY_NAME "\n"
               "git: " GIT "\n"
               "build: %s\n"
               "compiler: " COMPILER "\n"
               "features: %s\n"
               "mitigations: %s\n"
               "lab: %s\n"
               "tsc_khz: %lu\n"
               "tsc_source: %s\n"
               "tsc_error_ppm: %u\n"
               "tsc_invariant: %s\n"
               "cpus: %u\n",
               build, features, mitigations, lab ? "on" : "off", clock_tsc_khz(), clock_source(),
               clock_error_ppm(), clock_tsc_invariant() ? "yes" : "no", cpus_online());
    files_set_about(text, length < sizeof(text) ? length : sizeof(text) - 1);
}
