// flags: -Iuser
// JSON as the bench writes it.
#include "bench_json.h"

#include "bytes.h"

static const char *written(const char *value)
{
    static char text[4096];
    struct json json = {.text = text, .size = sizeof(text)};
    json_string(&json, value);
    assert_false(json.full);
    assert_int_equal(json.used, strlen(text));
    return text;
}

static void test_strings_are_quoted_and_escaped(void **state)
{
    (void)state;
    assert_string_equal(written(""), "\"\"");
    assert_string_equal(written("AMD Ryzen 5 3600X"), "\"AMD Ryzen 5 3600X\"");
    assert_string_equal(written("a \"b\" \\ c"), "\"a \\\"b\\\" \\\\ c\"");
    assert_string_equal(written("tab\tline\n\x01\x7f"), "\"tab\\u0009line\\u000a\\u0001\\u007f\"");
    assert_string_equal(written("\xff\x80"), "\"\\u00ff\\u0080\"");
    assert_string_equal(written(NULL), "null");
}

// Whatever bytes there are: printable ASCII, no bare quote or backslash, and back to the same bytes.
static void test_any_bytes_make_a_valid_string(void **state)
{
    (void)state;
    char value[256];
    for (int i = 1; i < 256; i++)
        value[i - 1] = (char)i;
    value[255] = 0;
    const char *at = written(value);
    assert_int_equal(*at++, '"');
    for (int i = 1; i < 256; i++) {
        unsigned back = (unsigned char)*at++;
        assert_in_range(back, ' ', '~');
        assert_int_not_equal(back, '"');
        if (back == '\\' && *at == 'u') {
            assert_int_equal(sscanf(at, "u%4x", &back), 1);
            at += 5;
        } else if (back == '\\') {
            back = (unsigned char)*at++;
        }
        assert_int_equal(back, i);
    }
    assert_string_equal(at, "\"");
}

static void test_what_does_not_fit_is_left_out_whole_and_told(void **state)
{
    (void)state;
    for (size_t size = 1; size < 12; size++) {
        char *text = malloc(size); // exactly so much: the sanitizer sees a byte beyond
        struct json json = {.text = text, .size = size};
        *text = 0;
        json_add(&json, "12345");
        json_add(&json, "67890");
        assert_string_equal(text, size > 10 ? "1234567890" : size > 5 ? "12345" : "");
        assert_int_equal(json.full, size <= 10);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_are_quoted_and_escaped),
        cmocka_unit_test(test_any_bytes_make_a_valid_string),
        cmocka_unit_test(test_what_does_not_fit_is_left_out_whole_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
