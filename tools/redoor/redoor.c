/*
 * redoor: rewrites the kernel doors of a static x86-64 program in place, `syscall` into `int 0x80`
 * or back. Both are two bytes, so nothing else moves. This file asks the questions and edits the
 * bytes; image.c knows ELF, code.c knows what is an instruction.
 */
#include "code.h"
#include "image.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: redoor --to int|syscall IN OUT   rewrite every door of IN into OUT (may be IN)\n"
    "       redoor --list IN                 one line a door: address, door, symbol\n"
    "\n"
    "IN is a static x86-64 ELF program, stripped or static-pie or not. Byte pairs that only look\n"
    "like a door are left alone; so are the doors in a section named .door_raw. syscall "
    "overwrites\n"
    "rcx and r11, which int 0x80 preserves: --to syscall refuses where they could be missed, "
    "unless\n"
    "--to int noted in the ELF header's padding (e_ident[15]) that every int 0x80 was a syscall.\n"
    "Exit status: 0 done, 1 cannot read or write, 2 refused; the reason is on stderr.\n";

/*
 * redoor's note to itself, in the last byte of e_ident's padding, which nobody else reads: every
 * int 0x80 in here was a syscall before. No better proof exists that the way back is safe, and for
 * libc there is no other: it calls through pointers behind its doors, where rcx could be a fourth
 * argument. The way back takes the note away again.
 */
enum { NOTE_AT = EI_NIDENT - 1, NOTE = 0x05 };

static const struct {
    const char *name;
    uint8_t bytes[2];
} doors[] = {
    [DOOR_SYSCALL] = {"syscall", {0x0f, 0x05}},
    [DOOR_INT] = {"int 0x80", {0xcd, 0x80}},
};

/* "name+0x12", "name" or "" for the last function or label at or before addr in its section. */
static void describe(const struct image *image, uint64_t addr, char *text, size_t size)
{
    const struct symbol *best = NULL;

    for (size_t i = 0; i < image->symbol_count && image->symbols[i].addr <= addr; i++) {
        const struct symbol *symbol = &image->symbols[i];
        bool function = symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;
        if (function || (symbol->type == STT_NOTYPE && (!best || best->addr + best->size <= addr)))
            best = symbol;
    }
    if (!best)
        *text = 0;
    else if (best->addr == addr)
        snprintf(text, size, "%s", best->name);
    else
        snprintf(text, size, "%s+0x%" PRIx64, best->name, addr - best->addr);
}

/* Suspected code addresses: pointers in data, whatever made them (initialisers, vtables, relative
 * relocations, jump tables of absolute addresses). */
static void follow_pointers(const struct image *image, struct code *code)
{
    for (size_t i = 0; i < image->part_count; i++) {
        const struct part *part = &image->parts[i];
        uint64_t word;
        for (uint64_t at = -part->addr & 7; !part->executable && at + 8 <= part->size; at += 8) {
            memcpy(&word, image->bytes + part->offset + at, sizeof word);
            code_follow_suspect(code, word);
        }
    }
}

/* ... what code mentions; and where that is data, the jump table that may begin there, as
 * compilers make it for position-independent code: 32-bit distances from its own start. */
static void follow_mention(const struct image *image, struct code *code, uint64_t addr)
{
    code_follow_suspect(code, addr);
    for (size_t i = 0; i < image->part_count; i++) {
        const struct part *part = &image->parts[i];
        int32_t distance;
        if (part->executable || addr - part->addr >= part->size)
            continue;
        for (uint64_t at = addr - part->addr; at + 4 <= part->size; at += 4) {
            memcpy(&distance, image->bytes + part->offset + at, sizeof distance);
            if (!code_follow_suspect(code, addr + (uint64_t)(int64_t)distance))
                break;
        }
    }
}

static void read_code(const struct image *image, struct code *code)
{
    struct stretch *stretches = calloc(image->part_count + 1, sizeof *stretches);
    struct addresses mentioned = {0};
    size_t count = 0;

    if (!stretches)
        fail(1, image->path, "out of memory");
    for (size_t i = 0; i < image->part_count; i++) {
        const struct part *part = &image->parts[i];
        if (part->executable)
            stretches[count++] = (struct stretch){.addr = part->addr,
                                                  .size = part->size,
                                                  .bytes = image->bytes + part->offset,
                                                  .raw = part->raw};
    }
    code_open(code, stretches, count);
    if (!count)
        fail(2, image->path, "nothing in it is executable");
    if (!code_find(code, image->entry))
        fail(2, image->path, "its entry point 0x%" PRIx64 " is not in executable bytes",
             image->entry);

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < image->symbol_count; i++) {
            const struct symbol *symbol = &image->symbols[i];
            bool function = symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;
            if (pass == 0 && function)
                code_is_start(code, symbol->addr);
            else if (pass == 0 && symbol->type == STT_OBJECT)
                code_is_data(code, symbol->addr, symbol->size);
            else if (pass == 1 && function)
                code_follow(code, symbol->addr);
        }
    }
    code_follow(code, image->entry);
    code_sweep(code, &mentioned);
    follow_pointers(image, code);
    for (size_t i = 0; i < mentioned.count; i++)
        follow_mention(image, code, mentioned.at[i]);
    free(mentioned.at);
}

/* Whether a door stands there that is ours to rewrite or list; ends the program where it cannot be
 * told, since a wrong guess either breaks the program's data or leaves it a door that is shut. */
static bool is_door(const struct image *image, const struct stretch *s, size_t offset)
{
    const char *why;
    enum verdict verdict = code_verdict(s, offset, &why);

    if (verdict == CODE_CANNOT_TELL && !s->raw)
        fail(2, image->path, "cannot tell code from data: the bytes of %s at 0x%" PRIx64 ", but %s",
             doors[code_pair(s, offset)].name, s->addr + offset, why);
    return verdict == CODE_IS_DOOR;
}

static void list(const struct image *image, const struct code *code)
{
    char place[256];

    for (struct stretch *s = code->stretches; s < code->stretches + code->count; s++) {
        for (size_t i = 0; i < s->size; i++) {
            enum door door = code_pair(s, i);
            if (door == DOOR_NONE || !is_door(image, s, i))
                continue;
            describe(image, s->addr + i, place, sizeof place);
            printf("0x%016" PRIx64 "  %-8s  %s%s\n", s->addr + i, doors[door].name, place,
                   s->raw ? "  (.door_raw: left alone)" : "");
        }
    }
}

static void check_clobber(const struct image *image, struct code *code, uint64_t addr)
{
    uint64_t noticed = code_clobber_noticed(code, addr + 2);
    char place[256];

    describe(image, addr, place, sizeof place);
    if (noticed)
        fail(2, image->path,
             "int 0x80 at 0x%" PRIx64 "%s%s%s cannot become syscall, which overwrites rcx and r11: "
             "0x%" PRIx64 " may read them",
             addr, *place ? " (" : "", place, *place ? ")" : "", noticed);
}

static void rewrite(struct image *image, struct code *code, enum door to)
{
    enum door from = to == DOOR_INT ? DOOR_SYSCALL : DOOR_INT;
    bool all_were_syscall = image->bytes[NOTE_AT] == NOTE;
    size_t accidents = 0, raw = 0, there = 0;
    struct addresses sites = {0};
    const char *why;

    for (struct stretch *s = code->stretches; s < code->stretches + code->count; s++) {
        for (size_t i = 0; i < s->size; i++) {
            if (code_pair(s, i) == to && !s->raw)
                there += code_verdict(s, i, &why) != CODE_IS_NOT;
            if (code_pair(s, i) != from)
                continue;
            if (!is_door(image, s, i)) {
                accidents++;
            } else if (s->raw) {
                raw++;
            } else {
                if (to == DOOR_SYSCALL && !all_were_syscall)
                    check_clobber(image, code, s->addr + i);
                code_push(&sites, (uint64_t)(s->bytes - image->bytes) + i);
            }
        }
    }
    for (size_t i = 0; i < sites.count; i++)
        memcpy(image->bytes + sites.at[i], doors[to].bytes, 2);
    if (to == DOOR_INT && sites.count && !there && !image->bytes[NOTE_AT])
        image->bytes[NOTE_AT] = NOTE;
    else if (to == DOOR_SYSCALL && all_were_syscall)
        image->bytes[NOTE_AT] = 0;
    free(sites.at);

    printf("redoor: %zu %s -> %s in %s", sites.count, doors[from].name, doors[to].name,
           image->path);
    if (accidents || raw)
        printf(" (");
    if (accidents)
        printf("%zu byte pair%s left alone: not instructions", accidents, &"s"[accidents == 1]);
    if (accidents && raw)
        printf("; ");
    if (raw)
        printf("%zu left alone by request: .door_raw", raw);
    puts(accidents || raw ? ")" : "");
}

int main(int argc, char **argv)
{
    bool listing = argc == 3 && strcmp(argv[1], "--list") == 0;
    bool to_int = argc == 5 && strcmp(argv[1], "--to") == 0 && strcmp(argv[2], "int") == 0;
    bool to_syscall = argc == 5 && strcmp(argv[1], "--to") == 0 && strcmp(argv[2], "syscall") == 0;
    struct image image;
    struct code code;

    if (!listing && !to_int && !to_syscall) {
        bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 1;
    }
    image_read(&image, argv[listing ? 2 : 3]);
    read_code(&image, &code);
    if (listing) {
        list(&image, &code);
    } else {
        rewrite(&image, &code, to_int ? DOOR_INT : DOOR_SYSCALL);
        image_write(&image, argv[4]);
    }
    code_close(&code);
    image_close(&image);
    return 0;
}
