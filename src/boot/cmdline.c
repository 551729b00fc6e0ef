/* Splits the command line into words and looks the knobs up in one table: a new knob is one line in
 * it and one field in struct cmdline. */
#include "boot/cmdline.h"

#include <asm/errno.h>

#include "lib/string.h"

enum knob_kind {
    KNOB_FLAG,   /* NAME alone */
    KNOB_SWITCH, /* NAME=on|off */
    KNOB_CHOICE, /* NAME=auto|on|off */
    KNOB_APIC,   /* NAME=auto|xapic|x2apic */
    KNOB_DUMP,   /* NAME=dump */
    KNOB_COUNT,  /* NAME=N, 1 or more, decimal */
    KNOB_TEXT,   /* NAME=anything but nothing */
};

static const struct knob {
    const char *name;
    enum knob_kind kind;
    size_t field; /* offset in struct cmdline: bool, uint8_t, uint32_t, const char * */
} knobs[] = {
#ifdef FAULT_alloc_fail
    {"alloc_fail", KNOB_COUNT, offsetof(struct cmdline, alloc_fail)},
#endif
    {"acpi", KNOB_DUMP, offsetof(struct cmdline, acpi_dump)},
    {"apic", KNOB_APIC, offsetof(struct cmdline, apic)},
    {"init", KNOB_TEXT, offsetof(struct cmdline, init)},
    {"irqsoff", KNOB_SWITCH, offsetof(struct cmdline, irqsoff)},
    {"lab", KNOB_SWITCH, offsetof(struct cmdline, lab)},
    {"maxcpus", KNOB_COUNT, offsetof(struct cmdline, max_cpus)},
    {"nosmp", KNOB_FLAG, offsetof(struct cmdline, nosmp)},
    {"poweroff", KNOB_CHOICE, offsetof(struct cmdline, poweroff)},
};

/* Where the next word comes from and goes to. The target never runs past the source: a word shrinks
 * or stays, and its terminator takes the place of the space (or terminator) behind it. */
struct scanner {
    const char *from;
    char *to;
};

/* Takes the word that begins here, unquoted, into *word. False at the end of the line, with *word
 * NULL, and false with *word set when its quotation mark is never closed. GRUB quotes a word only
 * when it has a space, and escapes only \ " and '; any other backslash stands for itself. */
static bool next_word(struct scanner *s, const char **word)
{
    *word = *s->from == '\0' ? NULL : s->to;
    if (!*word)
        return false;
    bool quoted = false;
    for (; *s->from != '\0' && (quoted || *s->from != ' '); s->from++) {
        if (*s->from == '"') {
            quoted = !quoted;
            continue;
        }
        char next = s->from[1];
        if (*s->from == '\\' && (next == '\\' || next == '"' || next == '\''))
            s->from++;
        *s->to++ = *s->from;
    }
    if (*s->from == ' ')
        s->from++;
    *s->to++ = '\0';
    return !quoted;
}

/* 0 unless the text is a decimal number from 1 to UINT32_MAX. */
static uint32_t parse_count(const char *text)
{
    uint64_t value = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return 0;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > UINT32_MAX)
            return 0;
    }
    return (uint32_t)value;
}

/* The values of knobs that take one of a few words: a field holds the word's index. */
static const char *const switch_words[] = {"off", "on"};
static const char *const choice_words[] = {
    [CHOICE_AUTO] = "auto", [CHOICE_ON] = "on", [CHOICE_OFF] = "off"};
static const char *const apic_words[] = {
    [APIC_MODE_AUTO] = "auto", [APIC_MODE_XAPIC] = "xapic", [APIC_MODE_X2APIC] = "x2apic"};

/* False when the value is none of the words. */
static bool set_word(const char *value, const char *const words[], size_t count, uint8_t *field)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(value, words[i]) != 0)
            continue;
        *field = (uint8_t)i;
        return true;
    }
    return false;
}

/* value: NULL when the knob stands alone. NULL when all is well, else what is wrong with the value,
 * and nothing is set. */
static const char *set_knob(const struct knob *knob, const char *value, void *field)
{
    if (!value && knob->kind != KNOB_FLAG)
        value = ""; /* which no kind takes */
    switch (knob->kind) {
    case KNOB_FLAG:
        if (value)
            return "takes no value";
        *(bool *)field = true;
        return NULL;
    case KNOB_SWITCH:
        return set_word(value, switch_words, 2, field) ? NULL : "wants on or off";
    case KNOB_CHOICE:
        return set_word(value, choice_words, 3, field) ? NULL : "wants auto, on or off";
    case KNOB_APIC:
        return set_word(value, apic_words, 3, field) ? NULL : "wants auto, xapic or x2apic";
    case KNOB_DUMP:
        if (strcmp(value, "dump") != 0)
            return "wants dump";
        *(bool *)field = true;
        return NULL;
    case KNOB_COUNT:
        if (!parse_count(value))
            return "wants a number, 1 or more";
        *(uint32_t *)field = parse_count(value);
        return NULL;
    case KNOB_TEXT:
        if (*value == '\0')
            return "wants a value";
        *(const char **)field = value;
        return NULL;
    }
    return "unknown kind of option";
}

static const char *apply(const char *word, struct cmdline *out)
{
    size_t name_length = 0;
    while (word[name_length] != '\0' && word[name_length] != '=')
        name_length++;
    bool has_value = word[name_length] == '=';
    const char *value = has_value ? word + name_length + 1 : NULL;

    for (size_t i = 0; i < sizeof knobs / sizeof knobs[0]; i++) {
        const char *name = knobs[i].name;
        if (strlen(name) == name_length && memcmp(name, word, name_length) == 0)
            return set_knob(&knobs[i], value, (char *)out + knobs[i].field);
    }
    const struct knob mitigation = {.kind = KNOB_CHOICE};
    for (size_t i = 0; i < MITIGATION_COUNT; i++) {
        const char *name = mitigation_names[i];
        if (strlen(name) == name_length && memcmp(name, word, name_length) == 0)
            return set_knob(&mitigation, value, &out->mitigations[i]);
    }
    return "unknown option";
}

static int fail(struct cmdline *out, const char *word, size_t offset, const char *what,
                struct parse_error *error)
{
    size_t length = strnlen(word, sizeof out->culprit - 1);
    memcpy(out->culprit, word, length);
    out->culprit[length] = '\0';
    return parse_fail(error, -EINVAL, offset, what);
}

int cmdline_parse(const char *line, struct cmdline *out, struct parse_error *error)
{
    memset(out, 0, sizeof *out);
    out->init = "/bin/init";
    out->max_cpus = UINT32_MAX;
    out->init_argc = 1;
    out->init_argv[0] = out->init;
    if (strnlen(line, CMDLINE_MAX) == CMDLINE_MAX)
        return fail(out, "", CMDLINE_MAX, "longer than 2047 bytes", error);

    struct scanner scanner = {.from = line, .to = out->storage};
    bool for_init = false;
    const char *word;
    size_t offset;
    for (;;) {
        while (*scanner.from == ' ')
            scanner.from++;
        offset = (size_t)(scanner.from - line);
        if (!next_word(&scanner, &word))
            break;
        if (for_init) {
            if (out->init_argc == INIT_ARG_MAX)
                return fail(out, word, offset, "too many arguments for init", error);
            out->init_argv[out->init_argc++] = word;
        } else if (strcmp(word, "--") == 0) {
            for_init = true;
        } else {
            const char *what = apply(word, out);
            out->init_argv[0] = out->init;
            if (what)
                return fail(out, word, offset, what, error);
        }
    }
    return word ? fail(out, word, offset, "quotation mark never closed", error) : 0;
}
