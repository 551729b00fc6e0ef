// sources: src/boot/cmdline.c src/cpu/mitigation_names.c
/* Words for the kernel, words for the first program. */
#include "boot/cmdline.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cmdline out;
    struct parse_error error;
    char *line = malloc(size + 1);
    memcpy(line, data, size);
    line[size] = '\0';

    int result = cmdline_parse(line, &out, &error);
    size_t length = strlen(line);
    free(line); /* nothing may point into it */
    CHECK(result == 0 || result == -EINVAL);
    if (result)
        CHECK(error.offset <= length && strlen(error.what) > 0);
    CHECK(out.init_argc >= 1 && out.init_argc <= INIT_ARG_MAX);
    CHECK(out.init_argv[0] == out.init && out.init_argv[out.init_argc] == NULL);
    size_t total = 0;
    for (int i = 0; i < out.init_argc; i++)
        total += strlen(out.init_argv[i]) + 1;
    CHECK(total <= CMDLINE_MAX + sizeof "/bin/init");
    CHECK(out.max_cpus > 0 && strlen(out.culprit) < sizeof out.culprit);
    return 0;
}
