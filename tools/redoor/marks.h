/*
 * What code.c notes of every byte, and clobber.c reads there: internal to the two.
 */
#pragma once

#include "code.h"

enum mark {
    SYNC = 1 << 0,       /* an instruction begins here for certain */
    SWEPT = 1 << 1,      /* the sweep read this byte ... */
    SWEPT_HEAD = 1 << 2, /* ... as the first of an instruction, */
    SWEPT_DOOR = 1 << 3, /* ... as the first of a door's two */
    FLOW = 1 << 4,       /* control flow read this byte ... */
    FLOW_HEAD = 1 << 5,
    FLOW_DOOR = 1 << 6,
    DOUBT = 1 << 7,    /* the sweep lost step somewhere between the SYNCs around this byte */
    CLASH = 1 << 8,    /* two paths read this byte as parts of different instructions */
    OBJECT = 1 << 9,   /* a data symbol covers it */
    LOADED = 1 << 10,  /* an instruction loads or stores it */
    LANDING = 1 << 11, /* some branch goes here */
    LIVE_SHIFT = 12,   /* two bits: the scan of clobber.c came by with RCX, R11 live */
};

static inline uint16_t *mark_at(const struct code *code, uint64_t addr)
{
    struct stretch *s = code_find(code, addr);

    return s ? &s->marks[addr - s->addr] : NULL;
}

/* Decodes at addr, which lies in s. */
static inline bool step_at(struct code *code, const struct stretch *s, uint64_t addr,
                           struct step *step)
{
    size_t i = addr - s->addr;

    return decode(code->cs, code->insn, s->bytes + i, s->size - i, addr, step);
}

/* exit, exit_group and rt_sigreturn: what stands behind such a door is not its continuation. */
static inline bool never_returns(int64_t number)
{
    return number == 60 || number == 231 || number == 15;
}
