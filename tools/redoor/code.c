/*
 * Code from data, in two independent readings: following control flow from known starts, and a
 * linear sweep that begins anew at every known start. A door is what both readings call one.
 */
#include "marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "redoor: %s\n", what);
    exit(1);
}

void code_push(struct addresses *list, uint64_t addr)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 1024;
        list->at = realloc(list->at, list->room * sizeof list->at[0]);
        if (!list->at)
            die("out of memory");
    }
    list->at[list->count++] = addr;
}

void code_open(struct code *code, struct stretch *stretches, size_t count)
{
    *code = (struct code){.stretches = stretches, .count = count};
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &code->cs) != CS_ERR_OK ||
        cs_option(code->cs, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK ||
        !(code->insn = cs_malloc(code->cs)))
        die("the disassembler does not start");
    for (size_t i = 0; i < count; i++) {
        stretches[i].marks = calloc(stretches[i].size, sizeof stretches[i].marks[0]);
        if (!stretches[i].marks)
            die("out of memory");
    }
}

void code_close(struct code *code)
{
    for (size_t i = 0; i < code->count; i++)
        free(code->stretches[i].marks);
    free(code->stretches);
    free(code->todo.at);
    free(code->visited.at);
    cs_free(code->insn, 1);
    cs_close(&code->cs);
}

struct stretch *code_find(const struct code *code, uint64_t addr)
{
    size_t low = 0, high = code->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct stretch *s = &code->stretches[middle];

        if (addr < s->addr)
            high = middle;
        else if (addr - s->addr >= s->size)
            low = middle + 1;
        else
            return s;
    }
    return NULL;
}

void code_is_start(struct code *code, uint64_t addr)
{
    uint16_t *mark = mark_at(code, addr);

    if (mark)
        *mark |= SYNC;
}

static void mark_bytes(struct code *code, uint64_t addr, uint64_t size, uint16_t mark)
{
    struct stretch *s = code_find(code, addr);

    for (uint64_t i = s ? addr - s->addr : 0; s && size-- && i < s->size; i++)
        s->marks[i] |= mark;
}

void code_is_data(struct code *code, uint64_t addr, uint64_t size)
{
    mark_bytes(code, addr, size, OBJECT);
}

/* Whether an instruction of this size would run into a certain start, or into such data. */
static bool crosses(const uint16_t *mark, size_t size, uint16_t data)
{
    for (size_t i = 0; i < size; i++)
        if (mark[i] & data || (i && mark[i] & SYNC))
            return true;
    return false;
}

/* Jumping past a lock prefix is an old idiom of glibc: the same instruction, unlocked. */
static bool skips_lock(const struct code *code, uint64_t addr, uint16_t head)
{
    const struct stretch *s = code_find(code, addr);
    size_t i = s ? addr - s->addr : 0;

    return i && s->bytes[i - 1] == 0xf0 && s->marks[i - 1] & head;
}

static void unfollow(struct code *code, size_t down_to)
{
    while (code->visited.count > down_to) {
        uint64_t addr = code->visited.at[--code->visited.count];
        struct stretch *s = code_find(code, addr);
        size_t i = addr - s->addr;

        do
            s->marks[i++] &= ~(FLOW | FLOW_HEAD | FLOW_DOOR);
        while (i < s->size && (s->marks[i] & (FLOW | FLOW_HEAD)) == FLOW);
    }
}

/*
 * Reads from addr to where control surely leaves; branch targets go on the to-do list. False if
 * that point never comes: the bytes end, do not decode, or run into the middle of a known
 * instruction. Then what stands behind the last call, or without one the last door, is not code for
 * all we know, since that may not have returned, and is forgotten again.
 */
static bool run(struct code *code, uint64_t addr, bool suspect)
{
    size_t todo = code->todo.count, visited = code->visited.count;
    int64_t number = -1;
    bool called = false, kept = false;

    for (;;) {
        struct stretch *s = code_find(code, addr);
        uint16_t *mark = s ? &s->marks[addr - s->addr] : NULL;
        struct step step;
        bool overlaps = false;

        if (mark && *mark & FLOW_HEAD)
            return true;
        if (!mark || !step_at(code, s, addr, &step) || crosses(mark, step.size, OBJECT))
            break;
        for (size_t i = 0; i < step.size; i++)
            overlaps |= mark[i] & FLOW;
        if (overlaps && skips_lock(code, addr, FLOW_HEAD))
            return true;
        if (overlaps && suspect)
            break;
        for (size_t i = 0; i < step.size; i++)
            mark[i] |= overlaps ? CLASH : FLOW;
        if (overlaps)
            return true;
        mark[0] |= FLOW_HEAD;
        code_push(&code->visited, addr);
        if (step.accessed && !suspect)
            mark_bytes(code, step.mentioned, step.accessed, LOADED);
        if (step.writes_rax)
            number = step.number;
        /* A call of an undefined weak symbol is a call of 0. What a suspect calls, the sweep has
         * listed as a suspect of its own. */
        if (step.direct && step.target && !(suspect && step.kind == CALL))
            code_push(&code->todo, step.target);
        addr += step.size;
        if (step.kind == DOOR)
            mark[step.size - 2] |= FLOW_DOOR;
        if (step.kind == JUMP || step.kind == STOP || (step.kind == DOOR && never_returns(number)))
            return true;
        if (step.kind == CALL || step.kind == DOOR)
            number = -1;
        called |= step.kind == CALL;
        if (step.kind == CALL || (step.kind == DOOR && !suspect && !called)) {
            kept = true;
            todo = code->todo.count;
            visited = code->visited.count;
        }
    }
    code->todo.count = todo;
    unfollow(code, visited);
    return kept;
}

void code_follow(struct code *code, uint64_t addr)
{
    code_push(&code->todo, addr);
    while (code->todo.count) {
        addr = code->todo.at[--code->todo.count];
        uint16_t *mark = mark_at(code, addr);
        if (mark && run(code, addr, false) && *mark & FLOW_HEAD)
            *mark |= SYNC | LANDING;
    }
    code->visited.count = 0;
}

bool code_follow_suspect(struct code *code, uint64_t addr)
{
    uint16_t *mark = mark_at(code, addr);

    if (!mark || (*mark & (SWEPT_HEAD | DOUBT)) != SWEPT_HEAD)
        return false;
    *mark |= LANDING;
    code_push(&code->todo, addr);
    while (code->todo.count) {
        if (!run(code, code->todo.at[--code->todo.count], true)) {
            code->todo.count = 0;
            unfollow(code, 0);
        }
    }
    code->visited.count = 0;
    return true;
}

/* Everything between the certain starts around this byte is in doubt; returns where that ends. */
static size_t doubt(struct stretch *s, size_t i)
{
    size_t end = i + 1;

    while (i && !(s->marks[i] & SYNC))
        i--;
    while (end < s->size && !(s->marks[end] & SYNC))
        end++;
    if (!(s->marks[i] & DOUBT) || !(s->marks[end - 1] & DOUBT))
        for (; i < end; i++)
            s->marks[i] |= DOUBT;
    return end;
}

/* Zeros that fill up to the next multiple of 16, as some linkers align functions; 0 if none. */
static size_t padding(const struct stretch *s, size_t i)
{
    size_t k = 0;

    do {
        if (i + k == s->size || s->marks[i + k] & SYNC)
            return k;
        if (s->bytes[i + k])
            return 0;
        k++;
    } while ((s->addr + i + k) & 15);
    return k;
}

void code_sweep(struct code *code, struct addresses *mentioned)
{
    struct addresses branches = {0}; /* from, to, from, to ... */
    struct addresses called = {0};
    struct step step;

    for (struct stretch *s = code->stretches; s < code->stretches + code->count; s++) {
        bool left = true; /* control does not come here from the instruction before */
        for (size_t i = 0; i < s->size;) {
            uint16_t *mark = &s->marks[i];
            size_t skip = *mark & (OBJECT | LOADED) ? 1 : left ? padding(s, i) : 0;
            if (skip) {
                i += skip;
                continue;
            }
            if (!step_at(code, s, s->addr + i, &step) ||
                crosses(mark, step.size, OBJECT | LOADED)) {
                i = doubt(s, i);
                left = true;
                continue;
            }
            for (size_t k = 0; k < step.size; k++)
                mark[k] |= SWEPT;
            mark[0] |= SWEPT_HEAD;
            if (step.kind == DOOR)
                mark[step.size - 2] |= SWEPT_DOOR;
            if (step.direct && step.target) {
                code_push(&branches, s->addr + i);
                code_push(&branches, step.target);
                if (step.kind == CALL)
                    code_push(&called, step.target);
            }
            if (step.mentioned)
                code_push(mentioned, step.mentioned);
            i += step.size;
            left = step.kind == JUMP || step.kind == STOP || step.kind == CALL;
        }
    }
    /* Without function symbols, what is called shall bound the doubt about what is not code. */
    for (size_t i = 0; i < called.count; i++) {
        uint16_t *mark = mark_at(code, called.at[i]);
        if (mark && *mark & SWEPT_HEAD)
            *mark |= SYNC;
    }
    for (size_t i = 0; i < branches.count; i += 2) {
        struct stretch *from = code_find(code, branches.at[i]);
        struct stretch *to = code_find(code, branches.at[i + 1]);
        uint16_t *mark = to ? &to->marks[branches.at[i + 1] - to->addr] : NULL;

        if (from->marks[branches.at[i] - from->addr] & DOUBT)
            continue;
        if (mark)
            *mark |= LANDING;
        if (!mark || (!(*mark & SWEPT_HEAD) && !skips_lock(code, branches.at[i + 1], SWEPT_HEAD))) {
            doubt(from, branches.at[i] - from->addr);
            if (to)
                doubt(to, branches.at[i + 1] - to->addr);
        }
    }
    for (size_t i = 0; i < branches.count; i += 2)
        if (!(*mark_at(code, branches.at[i]) & DOUBT))
            code_follow_suspect(code, branches.at[i + 1]);
    free(branches.at);
    free(called.at);
}

enum door code_pair(const struct stretch *s, size_t offset)
{
    if (offset + 2 > s->size)
        return DOOR_NONE;
    if (s->bytes[offset] == 0x0f && s->bytes[offset + 1] == 0x05)
        return DOOR_SYSCALL;
    return s->bytes[offset] == 0xcd && s->bytes[offset + 1] == 0x80 ? DOOR_INT : DOOR_NONE;
}

enum verdict code_verdict(const struct stretch *s, size_t offset, const char **why)
{
    uint16_t mark = s->marks[offset], both = mark | s->marks[offset + 1];
    bool flow = mark & FLOW, swept = mark & SWEPT && !(mark & DOUBT);
    bool data = both & (OBJECT | LOADED);

    *why = "what surrounds it does not decode";
    if (both & CLASH)
        *why = "two paths decode it differently";
    else if (data && flow)
        *why = "it is read as data and run as code";
    else if (flow && swept && !(mark & FLOW_DOOR) != !(mark & SWEPT_DOOR))
        *why = "control flow and a linear sweep decode it differently";
    else if (flow)
        return mark & FLOW_DOOR ? CODE_IS_DOOR : CODE_IS_NOT;
    else if (data || (swept && !(mark & SWEPT_DOOR)))
        return CODE_IS_NOT;
    else if (swept)
        *why = "no path leads there";
    return CODE_CANNOT_TELL;
}
