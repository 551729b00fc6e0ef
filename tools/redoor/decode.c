/*
 * Decoding through Capstone, with the lengths that version 4 does not know.
 */
#include "decode.h"

#include <string.h>

enum { LONGEST_INSN = 15 }; /* bytes; SDM vol. 2, 2.3.11 */

/*
 * The length of what Capstone 4 does not know or may misread: VEX and EVEX (it lacks AVX-512BW and
 * DQ) CET's shadow-stack instructions and UD1; static glibc and clang bring them. It follows from
 * the prefixes, the opcode map and ModRM alone: SDM vol. 2, 2.1, 2.3.5 and 2.7. 0 for all else.
 */
static size_t own_length(const uint8_t *bytes, size_t left, bool *vector)
{
    uint8_t b[LONGEST_INSN + 16] = {0};
    size_t i = 0;
    unsigned map = 0;

    memcpy(b, bytes, left < LONGEST_INSN ? left : LONGEST_INSN);
    while (b[i] && strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf2\xf3", b[i]))
        i++;
    *vector = true;
    if (b[i] == 0xc5) {
        map = 1;
        i += 2;
    } else if (b[i] == 0xc4) {
        map = b[i + 1] & 31;
        i += 3;
    } else if (b[i] == 0x62 && !(b[i + 1] & 8) && b[i + 2] & 4) {
        map = b[i + 1] & 7;
        i += 4;
    } else {
        *vector = false;
        i += (b[i] & 0xf0) == 0x40; /* REX */
        if (b[i] != 0x0f || (b[i + 1] != 0x1e && b[i + 1] != 0xae && b[i + 1] != 0xb9))
            return 0;
        i++;
    }
    if (*vector && (map < 1 || map > 6 || map == 4))
        return 0;

    uint8_t opcode = b[i++];
    if (map != 1 || opcode != 0x77 /* vzeroupper, vzeroall */) {
        uint8_t mod = b[i] >> 6, base = b[i] & 7;

        i++;
        if (mod != 3 && base == 4)
            base = b[i++] & 7; /* SIB */
        if (mod == 1)
            i += 1;
        else if (mod == 2 || (mod == 0 && base == 5))
            i += 4;
    }
    if (map == 3 || (map == 1 && opcode && strchr("\x70\x71\x72\x73\xc2\xc4\xc5\xc6", opcode)))
        i += 1;
    return i <= left && i <= LONGEST_INSN ? i : 0;
}

/* The bit of the register that `reg` is part of; *wide if writing it writes all 64 bits. */
static uint16_t register_bit(unsigned reg, bool *wide)
{
    switch (reg) {
    case X86_REG_RCX:
    case X86_REG_ECX:
        *wide = true;
        return RCX;
    case X86_REG_R11:
    case X86_REG_R11D:
        *wide = true;
        return R11;
    case X86_REG_CX:
    case X86_REG_CL:
    case X86_REG_CH:
        return RCX;
    case X86_REG_R11W:
    case X86_REG_R11B:
        return R11;
    default:
        return 0;
    }
}

/*
 * What the instruction reads of rcx and r11; what it surely overwrites, for which only opcodes
 * count that write whatever the flags and the source say; and what becomes of rax.
 */
static void registers(csh cs, const cs_insn *insn, struct step *step)
{
    const cs_x86_op *op = insn->detail->x86.operands;
    bool zeroes = (insn->id == X86_INS_XOR || insn->id == X86_INS_SUB) &&
                  op[0].type == X86_OP_REG && op[1].type == X86_OP_REG && op[0].reg == op[1].reg;
    bool moves = insn->id == X86_INS_MOV || insn->id == X86_INS_MOVABS ||
                 insn->id == X86_INS_MOVZX || insn->id == X86_INS_MOVSX ||
                 insn->id == X86_INS_MOVSXD || insn->id == X86_INS_LEA || insn->id == X86_INS_POP;
    cs_regs read, written;
    uint8_t reads, writes;
    bool wide = false;

    if (cs_regs_access(cs, insn, read, &reads, written, &writes) != CS_ERR_OK)
        return;
    step->reads = 0;
    step->writes_rax = false;
    for (uint8_t i = 0; i < reads && !zeroes; i++)
        step->reads |= register_bit(read[i], &wide);
    for (uint8_t i = 0; i < writes; i++) {
        uint16_t reg = written[i];
        wide = false;
        uint16_t bit = register_bit(reg, &wide);
        if (wide && (moves || zeroes))
            step->kills |= bit;
        if (reg == X86_REG_RAX || reg == X86_REG_EAX || reg == X86_REG_AX || reg == X86_REG_AL ||
            reg == X86_REG_AH)
            step->writes_rax = true;
        if (insn->id == X86_INS_MOV && op[1].type == X86_OP_IMM &&
            (reg == X86_REG_RAX || reg == X86_REG_EAX))
            step->number = op[1].imm;
    }
}

static void mention(const cs_insn *insn, struct step *step)
{
    const cs_x86 *x86 = &insn->detail->x86;

    for (uint8_t i = 0; i < x86->op_count; i++) {
        const cs_x86_op *op = &x86->operands[i];

        if (op->type == X86_OP_IMM) {
            step->mentioned = (uint64_t)op->imm;
        } else if (op->type == X86_OP_MEM && op->mem.base == X86_REG_RIP) {
            step->mentioned = insn->address + insn->size + (uint64_t)op->mem.disp;
            step->accessed = insn->id == X86_INS_LEA ? 0 : op->size;
        }
    }
}

bool decode(csh cs, cs_insn *insn, const uint8_t *bytes, size_t left, uint64_t addr,
            struct step *step)
{
    size_t size = left;
    uint64_t at = addr;
    bool vector;
    size_t own = own_length(bytes, left, &vector);
    bool known = cs_disasm_iter(cs, &bytes, &size, &at, insn);

    /* Of what Capstone does not know, expect the worst. */
    *step = (struct step){.size = own, .number = -1, .writes_rax = true, .reads = RCX | R11};
    if (!known || (vector && own != insn->size))
        return own != 0;
    step->size = insn->size;
    registers(cs, insn, step);

    const cs_x86_op *op = &insn->detail->x86.operands[0];
    switch (insn->id) {
    case X86_INS_SYSCALL:
        step->kind = DOOR;
        step->door = DOOR_SYSCALL;
        return true;
    case X86_INS_INT:
        step->kind = op->imm == 0x80 ? DOOR : PLAIN;
        step->door = op->imm == 0x80 ? DOOR_INT : DOOR_NONE;
        return true;
    case X86_INS_JMP:
    case X86_INS_LJMP:
        step->kind = JUMP;
        break;
    case X86_INS_LOOP:
    case X86_INS_LOOPE:
    case X86_INS_LOOPNE:
    case X86_INS_XBEGIN:
        step->kind = BRANCH;
        break;
    case X86_INS_HLT:
    case X86_INS_UD2:
        step->kind = STOP;
        return true;
    default:
        if (cs_insn_group(cs, insn, X86_GRP_CALL))
            step->kind = CALL;
        else if (cs_insn_group(cs, insn, X86_GRP_JUMP))
            step->kind = BRANCH;
        else if (cs_insn_group(cs, insn, X86_GRP_RET) || cs_insn_group(cs, insn, X86_GRP_IRET))
            step->kind = STOP;
        else
            mention(insn, step);
    }
    if (step->kind == JUMP || step->kind == BRANCH || step->kind == CALL) {
        step->direct = op->type == X86_OP_IMM;
        step->target = step->direct ? (uint64_t)op->imm : 0;
    }
    return true;
}
