// sources: user/stress_check.c
// flags: -Iuser
// What stress says about a call: each register, each flag, each byte of floating-point state that
// comes back changed is found and named; what may change is not.
#define _GNU_SOURCE
#include "stress.h"

#include "bytes.h"

static struct door_frame frame;
static struct wrong wrong;
static uint64_t seed;

// A frame as it comes back from a call that kept the ABI.
static void pass(bool syscall_door)
{
    for (int r = 0; r < GPRS; r++)
        frame.in[r] = frame.out[r] = random_next(&seed);
    frame.out[RAX] = random_next(&seed);
    frame.door_at = 0x401a17;
    frame.flags_in = frame.flags_out = 0x246;
    frame.ss_in = frame.ss_out = 0x1b;
    frame.red_out[0] = frame.in[R15];
    frame.red_out[1] = frame.in[R14];
    frame.fsgsbase = 1;
    frame.fs_want = frame.fs_out = random_next(&seed);
    frame.gs_want = frame.gs_out = random_next(&seed);
    if (syscall_door) {
        frame.out[RCX] = frame.door_at + 2;
        frame.out[R11] = frame.flags_in;
    }
}

static void found(bool syscall_door, const char *what, uint64_t *word)
{
    for (int bit = 0; bit < 64; bit++) {
        *word ^= 1ull << bit;
        assert_false(check_frame(&frame, syscall_door, &wrong));
        assert_string_equal(wrong.what, what);
        assert_true(wrong.got == *word && (wrong.expected ^ wrong.got) == 1ull << bit);
        *word ^= 1ull << bit;
        assert_true(check_frame(&frame, syscall_door, &wrong));
    }
}

static void test_a_changed_bit_of_any_register_is_found(void **state)
{
    (void)state;
    static const char *const names[GPRS] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
    };
    for (int syscall_door = 0; syscall_door < 2; syscall_door++) {
        pass(syscall_door);
        for (int r = RAX + 1; r < GPRS; r++)
            found(syscall_door, names[r], &frame.out[r]);
        found(syscall_door, "RFLAGS", &frame.flags_out);
        found(syscall_door, "SS", &frame.ss_out);
        found(syscall_door, "the word below rsp", &frame.red_out[0]);
        found(syscall_door, "the red zone's last word", &frame.red_out[1]);
        found(syscall_door, "FS base", &frame.fs_out);
        found(syscall_door, "GS base", &frame.gs_out);
    }
}

static void test_each_door_is_held_to_its_own_promise(void **state)
{
    (void)state;
    pass(false);
    assert_true(check_frame(&frame, false, &wrong));
    assert_false(check_frame(&frame, true, &wrong));
    assert_string_equal(wrong.what, "rcx");
    frame.out[RCX] = frame.door_at + 2;
    assert_false(check_frame(&frame, true, &wrong));
    assert_string_equal(wrong.what, "r11");
    pass(true);
    assert_true(check_frame(&frame, true, &wrong));
    assert_false(check_frame(&frame, false, &wrong));
}

static void test_bases_are_not_looked_at_without_fsgsbase(void **state)
{
    (void)state;
    pass(true);
    frame.fsgsbase = 0;
    frame.fs_out++;
    frame.gs_out++;
    assert_true(check_frame(&frame, true, &wrong));
}

static uint8_t in[FP_IMAGE], out[FP_IMAGE];
static const struct fp_layout layouts[] = {
    {.mask = 3},
    {.mask = 7, .offset[2] = 576, .size[2] = 256},
    {.mask = 0xe7,
     .offset = {[2] = 576, [5] = 1088, [6] = 1152, [7] = 1664},
     .size = {[2] = 256, [5] = 64, [6] = 512, [7] = 1024}},
};

// The bytes that are promised, counted from the layout of FXSAVE and XSAVE and not from the code.
static bool promised(const struct fp_layout *layout, size_t at)
{
    if (at < 5 || (at >= 24 && at < 28) || (at >= 160 && at < 416))
        return true;
    if (at >= 32 && at < 160)
        return at % 16 < 10;
    for (int c = 2; c < FP_COMPONENTS; c++)
        if ((layout->mask >> c & 1) && at >= layout->offset[c] &&
            at < layout->offset[c] + layout->size[c])
            return true;
    return false;
}

static void test_a_changed_byte_of_floating_point_state_is_found(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof(layouts) / sizeof(layouts[0]); l++) {
        fp_randomise(&layouts[l], in, &seed);
        memcpy(out, in, sizeof(out));
        assert_true(check_fp(&layouts[l], in, out, &wrong));
        for (size_t at = 0; at < FP_IMAGE; at++) {
            out[at] ^= 0x10;
            if (check_fp(&layouts[l], in, out, &wrong) == promised(&layouts[l], at))
                fail_msg("layout %zu, byte %zu", l, at);
            out[at] ^= 0x10;
        }
    }
}

// XRSTOR faults on reserved bits, and an unmasked exception would strike in the C that follows.
static void test_random_state_can_be_loaded_and_raises_nothing(void **state)
{
    (void)state;
    uint8_t any[FP_IMAGE] = {0};
    for (int i = 0; i < 10000; i++) {
        fp_randomise(&layouts[2], in, &seed);
        for (size_t at = 0; at < sizeof(any); at++)
            any[at] |= in[at];
        uint16_t control, status;
        uint32_t mxcsr;
        uint64_t header[8];
        memcpy(&control, in, 2);
        memcpy(&status, in + 2, 2);
        memcpy(&mxcsr, in + 24, 4);
        memcpy(header, in + 512, 64);
        assert_int_equal(control & 0x3f, 0x3f);
        assert_int_equal(status & 0x8080, 0);
        assert_int_equal(mxcsr & 0x1f80, 0x1f80);
        assert_int_equal(mxcsr & 0xffff0000, 0);
        assert_true(header[0] == layouts[2].mask);
        for (int word = 1; word < 8; word++)
            assert_true(header[word] == 0);
    }
    for (size_t at = 28; at < sizeof(any); at++) // and nothing that is promised stays unused
        if (promised(&layouts[2], at))
            assert_int_equal(any[at], 0xff);
}

int main(void)
{
    seed = (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_changed_bit_of_any_register_is_found),
        cmocka_unit_test(test_each_door_is_held_to_its_own_promise),
        cmocka_unit_test(test_bases_are_not_looked_at_without_fsgsbase),
        cmocka_unit_test(test_a_changed_byte_of_floating_point_state_is_found),
        cmocka_unit_test(test_random_state_can_be_loaded_and_raises_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
