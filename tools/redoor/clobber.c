/*
 * Who would notice that syscall overwrites rcx and r11: a forward liveness scan over registers,
 * into direct calls. By the SysV calling convention both are dead when a function returns; an
 * indirect call may take rcx as its fourth argument, and an indirect jump may lead to any reader.
 */
#include "marks.h"

/* The constant in rax at the door that ends before addr, where straight code puts it; or -1. */
static int64_t number_at(struct code *code, uint64_t addr)
{
    const struct stretch *s = code_find(code, addr - 1);
    size_t i = addr - s->addr - 1;
    struct step step;

    while (i && !(s->marks[i] & FLOW_HEAD))
        i--;
    while (i && !(s->marks[i] & LANDING)) {
        do
            i--;
        while (i && s->marks[i] & FLOW && !(s->marks[i] & FLOW_HEAD));
        if (!(s->marks[i] & FLOW_HEAD) || !step_at(code, s, s->addr + i, &step) ||
            (step.kind != PLAIN && step.kind != BRANCH))
            return -1;
        if (step.writes_rax)
            return step.number;
    }
    return -1;
}

uint64_t code_clobber_noticed(struct code *code, uint64_t addr)
{
    uint64_t noticed = 0;

    code->visited.count = 0;
    code->todo.count = 0;
    if (never_returns(number_at(code, addr)))
        return 0;
    code_push(&code->todo, addr);
    code_push(&code->todo, RCX | R11);
    while (code->todo.count && !noticed) {
        unsigned live = code->todo.at[--code->todo.count];
        addr = code->todo.at[--code->todo.count];
        for (struct step step; live; addr += step.size) {
            struct stretch *s = code_find(code, addr);
            uint16_t *mark = s ? &s->marks[addr - s->addr] : NULL;

            if (!mark || !step_at(code, s, addr, &step) || step.reads & live) {
                noticed = addr;
                break;
            }
            if ((*mark >> LIVE_SHIFT & live) == live)
                break;
            *mark |= live << LIVE_SHIFT;
            code_push(&code->visited, addr);
            live &= ~step.kills;
            if (step.kind == STOP || (step.kind == DOOR && !(step.door == DOOR_INT && s->raw)))
                break;
            if (step.kind == CALL || step.kind == JUMP || step.kind == BRANCH) {
                if (!step.direct) {
                    noticed = addr;
                    break;
                }
                if (step.target) { /* 0: an undefined weak symbol, never called */
                    code_push(&code->todo, step.target);
                    code_push(&code->todo, live);
                }
            }
            if (step.kind == CALL || step.kind == JUMP)
                break;
        }
    }
    while (code->visited.count)
        *mark_at(code, code->visited.at[--code->visited.count]) &= ~((RCX | R11) << LIVE_SHIFT);
    return noticed;
}
