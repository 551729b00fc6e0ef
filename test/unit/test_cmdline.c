// sources: src/boot/cmdline.c src/cpu/mitigation_names.c
/* The kernel command line: quoting as GRUB writes it, every knob, every refusal. */
#include "boot/cmdline.h"

#include <errno.h>

#include "bytes.h"

static struct cmdline out;
static struct parse_error error;

static int parse(const char *line)
{
    return cmdline_parse((const char *)guarded(line, strlen(line) + 1), &out, &error);
}

#define assert_culprit(line, word, at, reason)                                                     \
    do {                                                                                           \
        assert_refused(parse(line), -EINVAL, at, reason);                                          \
        assert_string_equal(out.culprit, word);                                                    \
    } while (0)

static void assert_args(const char *const *expected)
{
    int count = 0;
    for (; expected[count]; count++) {
        assert_true(count < out.init_argc);
        assert_string_equal(out.init_argv[count], expected[count]);
    }
    assert_int_equal(out.init_argc, count);
    assert_null(out.init_argv[count]);
}
#define ASSERT_ARGS(...) assert_args((const char *const[]){__VA_ARGS__, NULL})

static void test_empty_line_gives_the_defaults(void **state)
{
    (void)state;
    static const char *const lines[] = {"", " ", "   ", "--", " -- "};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(parse(lines[i]), 0);
        assert_string_equal(out.init, "/bin/init");
        ASSERT_ARGS("/bin/init");
        assert_int_equal(out.max_cpus, UINT32_MAX);
        assert_int_equal(out.poweroff, CHOICE_AUTO);
        assert_int_equal(out.apic, APIC_MODE_AUTO);
        assert_false(out.nosmp);
        assert_false(out.acpi_dump);
        assert_false(out.irqsoff);
        assert_string_equal(out.culprit, "");
    }
}

static void test_every_knob_is_set(void **state)
{
    (void)state;
    assert_int_equal(
        parse("init=/bin/x maxcpus=3  poweroff=off nosmp acpi=dump apic=x2apic irqsoff=on"), 0);
    assert_string_equal(out.init, "/bin/x");
    ASSERT_ARGS("/bin/x");
    assert_int_equal(out.max_cpus, 3);
    assert_int_equal(out.poweroff, CHOICE_OFF);
    assert_true(out.nosmp);
    assert_true(out.irqsoff);
    assert_true(out.acpi_dump);
    assert_int_equal(out.apic, APIC_MODE_X2APIC);
    assert_int_equal(parse("apic=xapic poweroff=on"), 0);
    assert_int_equal(out.apic, APIC_MODE_XAPIC);
    assert_int_equal(out.poweroff, CHOICE_ON);
}

static void test_last_of_two_knobs_counts(void **state)
{
    (void)state;
    assert_int_equal(parse("poweroff=off poweroff=on init=/a init=/b"), 0);
    assert_int_equal(out.poweroff, CHOICE_ON);
    ASSERT_ARGS("/b");
}

static void test_words_behind_the_dashes_are_inits_arguments(void **state)
{
    (void)state;
    assert_int_equal(parse("init=/bin/sh -- -c quiet=7 -- unknown"), 0);
    ASSERT_ARGS("/bin/sh", "-c", "quiet=7", "--", "unknown");
}

static void test_quotes_keep_spaces_and_empty_words(void **state)
{
    (void)state;
    assert_int_equal(parse("\"init=/bin/my prog\" -- \"a  b\" \"\" c\"d e\"f \" \""), 0);
    ASSERT_ARGS("/bin/my prog", "a  b", "", "cd ef", " ");
}

static void test_backslash_escapes_only_what_grub_escapes(void **state)
{
    (void)state;
    assert_int_equal(parse("-- \\\"q\\\" it\\'s a\\\\b \\x41 \\n \"in \\\" side\" end\\"), 0);
    ASSERT_ARGS("/bin/init", "\"q\"", "it's", "a\\b", "\\x41", "\\n", "in \" side", "end\\");
}

static void test_only_a_space_separates_because_grub_quotes_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse("-- a\tb 'c d'"), 0);
    ASSERT_ARGS("/bin/init", "a\tb", "'c", "d'");
}

/* GRUB 2.06, grub-core/lib/cmdline.c: quotes for a space, a backslash before \ ' and ". */
static size_t quote_as_grub(char *to, const char *word)
{
    char *start = to;
    bool space = strchr(word, ' ') != NULL;
    if (space)
        *to++ = '"';
    for (; *word; word++) {
        if (strchr("\\'\"", *word))
            *to++ = '\\';
        *to++ = *word;
    }
    if (space)
        *to++ = '"';
    *to++ = ' ';
    *to = '\0';
    return (size_t)(to - start);
}

static void test_random_words_come_back_as_grub_was_given_them(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        char words[8][10];
        char line[512] = "-- ";
        size_t used = 3;
        for (int w = 0; w < 8; w++) {
            size_t length = 1 + test_random(9);
            for (size_t i = 0; i < length; i++)
                words[w][i] = "ab\\'\" \t-=x"[test_random(10)];
            words[w][length] = '\0';
            used += quote_as_grub(line + used, words[w]);
        }
        assert_int_equal(parse(line), 0);
        ASSERT_ARGS("/bin/init", words[0], words[1], words[2], words[3], words[4], words[5],
                    words[6], words[7]);
    }
}

static void test_bad_knobs_are_refused_by_name_and_place(void **state)
{
    (void)state;
    assert_culprit("maxcpus=1 nonsense", "nonsense", 10, "unknown option");
    assert_culprit("  nonsense=1 maxcpus=1", "nonsense=1", 2, "unknown option");
    assert_culprit("ini", "ini", 0, "unknown option");
    assert_culprit("inits=/x", "inits=/x", 0, "unknown option");
    assert_culprit("=5", "=5", 0, "unknown option");
    assert_culprit("\"\"", "", 0, "unknown option");
    assert_culprit("-- a \"b c", "b c", 5, "quotation mark never closed");
    assert_culprit("\"my knob\"", "my knob", 0, "unknown option");
    assert_culprit("init", "init", 0, "wants a value");
    assert_culprit("init=", "init=", 0, "wants a value");
    static const char *const switches[] = {"poweroff",   "poweroff=",   "poweroff=o",
                                           "poweroff=1", "poweroff=ON", "poweroff=onn"};
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        assert_culprit(switches[i], switches[i], 0, "wants auto, on or off");
    assert_culprit("lab=auto", "lab=auto", 0, "wants on or off");
    assert_culprit("nosmp=", "nosmp=", 0, "takes no value");
    assert_culprit("nosmp=1", "nosmp=1", 0, "takes no value");
    assert_culprit("acpi", "acpi", 0, "wants dump");
    assert_culprit("acpi=off", "acpi=off", 0, "wants dump");
    assert_culprit("apic=x3apic", "apic=x3apic", 0, "wants auto, xapic or x2apic");
    static const char *const counts[] = {
        "maxcpus",     "maxcpus=",   "maxcpus=0",          "maxcpus=-1",
        "maxcpus=0x4", "maxcpus=4k", "maxcpus=4294967296", "maxcpus=99999999999999999999999999"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_culprit(counts[i], counts[i], 0, "wants a number, 1 or more");
}

static void test_refused_knob_leaves_its_setting_alone(void **state)
{
    (void)state;
    assert_culprit("maxcpus=2 maxcpus=x", "maxcpus=x", 10, "wants a number, 1 or more");
    assert_int_equal(out.max_cpus, 2);
    assert_culprit("poweroff=off poweroff=x", "poweroff=x", 13, "wants auto, on or off");
    assert_int_equal(out.poweroff, CHOICE_OFF);
    assert_culprit("init=/a init=", "init=", 8, "wants a value");
    ASSERT_ARGS("/a");
    assert_int_equal(parse("maxcpus=1029"), 0);
    assert_int_equal(out.max_cpus, 1029);
    assert_int_equal(parse("maxcpus=4294967295"), 0);
    assert_int_equal(out.max_cpus, UINT32_MAX);
}

static void test_long_culprit_is_cut(void **state)
{
    (void)state;
    char line[200];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\0';
    assert_refused(parse(line), -EINVAL, 0, "unknown option");
    assert_int_equal(strlen(out.culprit), sizeof out.culprit - 1);
}

static void test_63_arguments_fit_and_one_more_is_refused(void **state)
{
    (void)state;
    char line[300] = "--";
    for (int i = 1; i < INIT_ARG_MAX; i++)
        strcat(line, " a");
    assert_int_equal(parse(line), 0);
    assert_int_equal(out.init_argc, INIT_ARG_MAX);
    assert_null(out.init_argv[INIT_ARG_MAX]);
    size_t length = strlen(line);
    strcat(line, " last");
    assert_culprit(line, "last", length + 1, "too many arguments for init");
}

static void test_2047_bytes_fit_and_one_more_is_refused(void **state)
{
    (void)state;
    char line[CMDLINE_MAX + 1];
    memset(line, 'x', sizeof line);
    memcpy(line, "-- ", 3);
    line[CMDLINE_MAX - 1] = '\0';
    assert_int_equal(parse(line), 0);
    assert_int_equal(strlen(out.init_argv[1]), CMDLINE_MAX - 1 - 3);
    line[CMDLINE_MAX - 1] = 'x';
    line[CMDLINE_MAX] = '\0';
    assert_culprit(line, "", CMDLINE_MAX, "longer than 2047 bytes");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_line_gives_the_defaults),
        cmocka_unit_test(test_every_knob_is_set),
        cmocka_unit_test(test_last_of_two_knobs_counts),
        cmocka_unit_test(test_words_behind_the_dashes_are_inits_arguments),
        cmocka_unit_test(test_quotes_keep_spaces_and_empty_words),
        cmocka_unit_test(test_backslash_escapes_only_what_grub_escapes),
        cmocka_unit_test(test_only_a_space_separates_because_grub_quotes_nothing_else),
        cmocka_unit_test(test_random_words_come_back_as_grub_was_given_them),
        cmocka_unit_test(test_bad_knobs_are_refused_by_name_and_place),
        cmocka_unit_test(test_refused_knob_leaves_its_setting_alone),
        cmocka_unit_test(test_long_culprit_is_cut),
        cmocka_unit_test(test_63_arguments_fit_and_one_more_is_refused),
        cmocka_unit_test(test_2047_bytes_fit_and_one_more_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
