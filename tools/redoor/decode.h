/*
 * One x86-64 instruction as redoor sees it: its length, where control goes, which addresses it
 * mentions and what it does to rcx, r11 and rax. Capstone does the work.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <capstone/capstone.h>

enum door { DOOR_NONE, DOOR_SYSCALL, DOOR_INT };
enum { RCX = 1, R11 = 2 };

enum kind { PLAIN, JUMP, BRANCH, CALL, STOP, DOOR };

struct step {
    size_t size;
    enum kind kind;
    enum door door;
    bool direct;           /* target is known */
    uint64_t target;       /* of a direct JUMP, BRANCH or CALL */
    uint64_t mentioned;    /* an address among the operands of the other kinds, or 0 */
    size_t accessed;       /* bytes loaded or stored there; 0 for lea and immediates */
    bool writes_rax;       /* wholly or in part; */
    int64_t number;        /* the constant it puts there, or -1 */
    uint16_t reads, kills; /* of RCX and R11 */
};

/* Decodes at addr, the address of bytes[0]; false where no instruction fits into `left` bytes. The
 * kernel's two doors end with the bytes that make them one: a prefix may stand before. */
bool decode(csh cs, cs_insn *scratch, const uint8_t *bytes, size_t left, uint64_t addr,
            struct step *step);
