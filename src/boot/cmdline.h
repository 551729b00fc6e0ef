/* The kernel command line: knobs, then " -- " and the first program's arguments. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/apic.h"
#include "cpu/mitigations.h"
#include "lib/parse.h"

#define CMDLINE_MAX  2048 /* bytes, the terminator included */
#define INIT_ARG_MAX 63

/* Points into itself: do not copy. */
struct cmdline {
    const char *init;                        /* init=PATH, default /bin/init */
    int init_argc;                           /* 1 + the words after -- */
    const char *init_argv[INIT_ARG_MAX + 1]; /* [0] is init; NULL-terminated */
    uint32_t max_cpus;                       /* maxcpus=N, 1 or more; default UINT32_MAX */
    bool nosmp;                              /* nosmp: the boot CPU alone */
    bool acpi_dump;                          /* acpi=dump: print the firmware's tables */
    uint8_t apic;                            /* apic=auto|xapic|x2apic: enum apic_mode */
    uint8_t poweroff;                        /* poweroff=auto|on|off: enum choice */
    bool irqsoff;                            /* irqsoff=on|off, default off: sys/irqsoff.h */
    bool lab;                                /* lab=on|off, default off: sys/lab.h */
    uint8_t mitigations[MITIGATION_COUNT];   /* kpti=auto|on|off and so on: enum choice */
    char culprit[64];                        /* the word an error is about, cut to fit */
    char storage[CMDLINE_MAX];               /* the words, unquoted */
#ifdef FAULT_alloc_fail
    uint32_t alloc_fail; /* alloc_fail=N, default 0: mm/alloc_fail.h */
#endif
};

/* line: terminated. Words are separated by spaces; within "..." a space is a character, and \\, \"
 * and \' stand for the second character anywhere, as GRUB writes them. A knob given twice: the last
 * one counts. 0, or -EINVAL with error->offset at the culprit's first byte in line and out->culprit
 * set; out then holds the defaults and what came before the culprit. */
int cmdline_parse(const char *line, struct cmdline *out, struct parse_error *error);
