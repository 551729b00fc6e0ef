/*
 * What redoor knows about machine code: where instructions begin, which of them are doors, and
 * whether rcx and r11 are dead behind one. Nothing of ELF is known here; redoor.c brings the bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode.h"

/* One executable section, or segment where there are no sections. */
struct stretch {
    uint64_t addr;
    size_t size;
    const uint8_t *bytes; /* borrowed */
    uint16_t *marks;      /* owned, one per byte, see marks.h */
    bool raw;             /* doors in here are left as they are, on request */
};

struct addresses {
    uint64_t *at;
    size_t count, room;
};

struct code {
    csh cs;
    cs_insn *insn;
    struct stretch *stretches; /* sorted by address, disjoint */
    size_t count;
    struct addresses todo, visited; /* of the walk under way */
};

/* Takes over `stretches` (from malloc). Ends the program with status 1 where memory or the
 * disassembler fails, as everything here does. */
void code_open(struct code *code, struct stretch *stretches, size_t count);
void code_close(struct code *code);

void code_push(struct addresses *list, uint64_t addr);

/* The stretch that holds addr, or NULL. */
struct stretch *code_find(const struct code *code, uint64_t addr);

/* Certainties from outside, to be told before anything is decoded: an instruction begins at addr;
 * these bytes are data. Addresses outside every stretch are ignored. */
void code_is_start(struct code *code, uint64_t addr);
void code_is_data(struct code *code, uint64_t addr, uint64_t size);

/* Follows control flow from addr. What is only suspected to be code (a word that looks like a
 * pointer to it) counts as code only where the sweep has an instruction begin there and every path
 * from there decodes to its end; false where no instruction begins. */
void code_follow(struct code *code, uint64_t addr);
bool code_follow_suspect(struct code *code, uint64_t addr);

/* Reads every stretch from its start, and anew at every certain start; follows the branches seen
 * so; then lists the addresses that instructions mention without jumping there (lea, mov). To be
 * called once, after code_follow(). */
void code_sweep(struct code *code, struct addresses *mentioned);

/* The door whose two bytes stand at this offset, as an instruction or by accident. */
enum door code_pair(const struct stretch *s, size_t offset);

/* Whether they are that instruction; where it cannot be told, *why says so in a clause. */
enum verdict { CODE_IS_DOOR, CODE_IS_NOT, CODE_CANNOT_TELL };
enum verdict code_verdict(const struct stretch *s, size_t offset, const char **why);

/* 0 if rcx and r11 are written before they are read on every path behind the door whose two bytes
 * end before addr, given the SysV calling convention; otherwise the address where that fails. */
uint64_t code_clobber_noticed(struct code *code, uint64_t addr);
