// What the ABI promises about the registers after a call, compared with what came back. Pure:
// images and frames in, the first difference out.
#define _GNU_SOURCE
#include <string.h>

#include "stress.h"

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static bool same(const char *what, uint64_t expected, uint64_t got, struct wrong *wrong)
{
    if (expected != got)
        *wrong = (struct wrong){what, expected, got};
    return expected == got;
}

bool check_frame(const struct door_frame *frame, bool syscall_door, struct wrong *wrong)
{
    static const char *const names[GPRS] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
    };
    for (int r = RAX + 1; r < GPRS; r++) {
        uint64_t expected = frame->in[r];
        if (syscall_door && r == RCX)
            expected = frame->door_at + 2;
        if (syscall_door && r == R11)
            expected = frame->flags_in;
        if (!same(names[r], expected, frame->out[r], wrong))
            return false;
    }
    if (!same("RFLAGS", frame->flags_in, frame->flags_out, wrong) ||
        !same("SS", frame->ss_in, frame->ss_out, wrong) ||
        !same("the word below rsp", frame->in[R15], frame->red_out[0], wrong) ||
        !same("the red zone's last word", frame->in[R14], frame->red_out[1], wrong))
        return false;
    return !frame->fsgsbase || (same("FS base", frame->fs_want, frame->fs_out, wrong) &&
                                same("GS base", frame->gs_want, frame->gs_out, wrong));
}

// ---- x87, SSE and what XSAVE adds; the first 512 bytes are FXSAVE's (SDM vol. 1, 10.5.1)

#define FCW        0
#define FSW        2
#define FTW        4
#define MXCSR      24
#define ST         32
#define XMM        160
#define HEADER     512
#define HEADER_END 576

static void put(uint8_t *image, size_t at, uint64_t value, size_t size)
{
    memcpy(image + at, &value, size);
}

static void randomise(uint8_t *bytes, size_t size, uint64_t *random)
{
    for (size_t i = 0; i < size; i += 8)
        put(bytes, i, random_next(random), size - i < 8 ? size - i : 8);
}

// All exceptions stay masked, and no summary bit is set: the image may hold any value, but must not
// raise #MF or #XM in whatever code comes next.
void fp_randomise(const struct fp_layout *layout, uint8_t *image, uint64_t *random)
{
    uint64_t r = random_next(random);
    memset(image, 0, HEADER_END);
    put(image, FCW, 0x7f | (r & 0xf00), 2); // precision and rounding control
    put(image, FSW, (r >> 12) & 0x7f7f, 2); // condition codes, top, sticky exceptions
    put(image, FTW, r >> 32, 1);
    put(image, MXCSR, 0x1f80 | (r >> 40 & 0xe03f), 4); // flush to zero, rounding, sticky exceptions
    for (int i = 0; i < 8; i++)
        randomise(image + ST + 16 * i, 10, random);
    randomise(image + XMM, 16 * 16, random);
    for (int c = 2; c < FP_COMPONENTS; c++)
        if (layout->mask >> c & 1)
            randomise(image + layout->offset[c], layout->size[c], random);
    put(image, HEADER, layout->mask, 8);
}

static bool same_bytes(const char *what, const uint8_t *in, const uint8_t *out, size_t at,
                       size_t size, struct wrong *wrong)
{
    for (size_t i = at; i < at + size; i += 8) {
        uint64_t expected = 0, got = 0;
        size_t part = at + size - i;
        if (part >= 8) { // of constant size, and so without a call: libc's memcmp may go bytewise
            memcpy(&expected, in + i, 8);
            memcpy(&got, out + i, 8);
        } else {
            memcpy(&expected, in + i, part);
            memcpy(&got, out + i, part);
        }
        if (!same(what, expected, got, wrong))
            return false;
    }
    return true;
}

// The last-instruction pointers (FOP, FIP, FDP) are left out: CPUs differ in whether they keep
// them.
bool check_fp(const struct fp_layout *layout, const uint8_t *in, const uint8_t *out,
              struct wrong *wrong)
{
    static const char *const names[FP_COMPONENTS] = {
        [2] = "AVX state", [5] = "AVX-512 opmask", [6] = "ZMM_Hi256", [7] = "Hi16_ZMM"};
    if (!same_bytes("x87 control, status or tag word", in, out, FCW, 5, wrong) ||
        !same_bytes("MXCSR", in, out, MXCSR, 4, wrong))
        return false;
    for (int i = 0; i < 8; i++)
        if (!same_bytes("x87/MMX register", in, out, (size_t)(ST + 16 * i), 10, wrong))
            return false;
    if (!same_bytes("XMM register", in, out, XMM, 16 * 16, wrong))
        return false;
    for (int c = 2; c < FP_COMPONENTS; c++)
        if ((layout->mask >> c & 1) &&
            !same_bytes(names[c], in, out, layout->offset[c], layout->size[c], wrong))
            return false;
    return true;
}
