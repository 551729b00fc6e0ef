// sources: src/lib/format.c test/unit/stubs.c
// flags: -DDIRECT_MAP_BASE=0x200000000000UL
/* The console and the channel over a pretended 16550 and a pretended text screen: what comes out, that
 * no port can hang them, and that a log line is one line. */
#include "stubs.h"
#include <string.h>
#include <sys/mman.h>

#include "cpu/io.h"
#define inb  fake_inb
#define outb fake_outb

static struct {
    uint16_t base;
    bool present, jammed, deaf,
        old; /* jammed: never sends; deaf: loops nothing back; old: no FIFO */
    uint8_t scratch, modem, line;
    unsigned fifo; /* bytes in the transmitter */
    char sent[8192];
    size_t sent_count;
    int received;        /* a byte that waits, or -1 */
    unsigned long looks; /* at the line status */
} port;

static uint8_t crtc_index, crtc[256];

static void fake_outb(uint16_t to, uint8_t value)
{
    if (to == 0x3d4)
        crtc_index = value;
    else if (to == 0x3d5)
        crtc[crtc_index] = value;
    else if (to == port.base + 7)
        port.scratch = value;
    else if (to == port.base + 3)
        port.line = value;
    else if (to == port.base + 4)
        port.modem = value;
    else if (to == port.base && port.present && !(port.line & 0x80)) {
        if (port.modem & 0x10) {
            port.received = port.deaf ? -1 : value;
            return;
        }
        port.fifo++;
        assert_in_range(port.fifo, 1, port.old ? 1 : 16); /* what is beyond would be lost */
        assert_true(port.sent_count < sizeof port.sent);
        port.sent[port.sent_count++] = (char)value;
    }
}

static uint8_t fake_inb(uint16_t from)
{
    if (!port.present || (from & ~7) != port.base) {
        port.looks++;
        return 0xff;
    }
    if (from == port.base + 7)
        return port.scratch;
    if (from == port.base + 2)
        return port.old ? 0x01 : 0xc1;
    if (from == port.base) {
        int byte = port.received;
        port.received = -1;
        return (uint8_t)byte;
    }
    assert_int_equal(from, port.base + 5);
    port.looks++;
    if (!port.jammed)
        port.fifo = 0;
    return (port.fifo == 0 && !port.jammed ? 0x60 : 0) | (port.received >= 0);
}

#include "dev/serial.c"
#include "dev/textmode.c"
#include "dev/screen.c"
#include "dev/console.c"
#include "dev/channel.c"

static int map_screen(void **state)
{
    (void)state;
    void *memory = mmap(phys_to_virt(0xb8000), 0x8000, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return memory == phys_to_virt(0xb8000) ? seed_random(state) : -1;
}

/* A good port and no screen. */
static int plug_in(void **state)
{
    (void)state;
    memset(&port, 0, sizeof port);
    port.base = SERIAL_COM1;
    port.present = true;
    port.received = -1;
    seized = ready = com1.present = com2.present = false;
    screen_init(NULL);
    fake_boot_ns = 1234567890;
    return 0;
}

static void assert_sent(const char *expected)
{
    port.sent[port.sent_count] = '\0';
    assert_string_equal(port.sent, expected);
    port.sent_count = 0;
}

static uint16_t cell(unsigned row_, unsigned column_)
{
    unsigned from = (unsigned)(crtc[0x0c] << 8 | crtc[0x0d]);
    assert_true(from + 80 * 25 <= 16384);
    return ((const uint16_t *)phys_to_virt(0xb8000))[from + row_ * 80 + column_];
}

static void assert_row(unsigned row_, const char *expected)
{
    for (unsigned i = 0; i < 80; i++) {
        char byte = ' ';
        if (*expected)
            byte = *expected++;
        if (cell(row_, i) != (0x0700 | byte))
            fail_msg("row %u, column %u: %#x, not '%c'", row_, i, cell(row_, i), byte);
    }
}

static void assert_cursor(unsigned row_, unsigned column_)
{
    unsigned from = (unsigned)(crtc[0x0c] << 8 | crtc[0x0d]);
    assert_int_equal(crtc[0x0e] << 8 | crtc[0x0f], from + row_ * 80 + column_);
}

static void write_text(const char *text)
{
    console_write(text, strlen(text));
}

static void test_nothing_is_written_before_console_init(void **state)
{
    (void)state;
    console_write("early", 5);
    klog("boot", "early");
    assert_int_equal(console_read_byte(), -1);
    memset(phys_to_virt(0xb8000), 0, 0x8000);
    screen_init(&text_mode);
    screen_show();
    write_text("early");
    assert_row(0, "");
    assert_int_equal(port.sent_count + port.looks, 0);
}

static void test_bytes_go_out_as_they_are_and_newlines_as_cr_lf(void **state)
{
    (void)state;
    console_init();
    assert_int_equal(port.line, 0x03); /* 8N1, divisor latch closed */
    assert_int_equal(port.modem & 0x10, 0);
    console_write("a\nb\r\0\xff\n", 7);
    assert_int_equal(port.sent_count, 9);
    assert_memory_equal(port.sent, "a\r\nb\r\0\xff\r\n", 9);
    assert_int_equal(locks_held, 0);
}

static void test_the_fifo_is_filled_after_one_look(void **state)
{
    (void)state;
    char text[160];
    memset(text, 'x', sizeof text);
    console_init();
    port.looks = 0;
    console_write(text, sizeof text);
    assert_int_equal(port.sent_count, 160);
    assert_int_equal(port.looks, 10);
}

static void test_a_port_without_fifo_gets_one_byte_a_look(void **state)
{
    (void)state;
    port.old = true;
    console_init();
    console_write("sixteen and more bytes", 22);
    assert_sent("sixteen and more bytes");
}

static void test_a_missing_port_costs_one_look(void **state)
{
    (void)state;
    port.present = false;
    console_init();
    console_write("lost", 4);
    assert_int_equal(console_read_byte(), -1);
    console_flush();
    assert_int_equal(port.looks, 1);
}

static void test_a_port_that_loops_nothing_back_is_not_used(void **state)
{
    (void)state;
    port.deaf = true;
    console_init();
    console_write("lost", 4);
    assert_sent("");
    assert_true(port.looks <= 200010);
}

static void test_a_port_that_gets_stuck_is_waited_for_once_and_taken_up_again(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text);
    console_init();
    port.jammed = true;
    port.looks = 0;
    console_write(text, sizeof text);
    console_write(text, sizeof text);
    console_flush();
    assert_true(port.looks <= 100000 + 2000);
    assert_true(port.sent_count <= 16);
    port.jammed = false;
    port.sent_count = 0;
    console_write("back", 4);
    assert_sent("back");
}

static void test_a_received_byte_is_read_once(void **state)
{
    (void)state;
    console_init();
    assert_int_equal(console_read_byte(), -1);
    port.received = 0xe9;
    assert_int_equal(console_read_byte(), 0xe9);
    assert_int_equal(console_read_byte(), -1);
    assert_int_equal(locks_held, 0);
}

static void test_log_lines_carry_time_and_subsystem_and_line_up(void **state)
{
    (void)state;
    console_init();
    fake_boot_ns = 0;
    klog("boot", "%s", "first");
    fake_boot_ns = 3999999;
    klog("cpu", "%d CPUs", 4);
    fake_boot_ns = 14310000000;
    klog("power", "off");
    fake_boot_ns = 123456789000000;
    klog("a-name-that-is-too-long", "x");
    assert_sent("[  0.000] boot: first\r\n"
                "[  0.003] cpu:  4 CPUs\r\n"
                "[ 14.310] power: off\r\n"
                "[123456.789] a-name-that-is-t: x\r\n");
}

static void test_a_long_log_line_is_cut_at_256_bytes_with_dots(void **state)
{
    (void)state;
    char text[300];
    console_init();
    const size_t prefix = strlen("[  1.234] sys:  ");
    for (size_t length = 230; length < sizeof text; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        port.sent_count = 0;
        klog("sys", "%s", text);
        bool cut = prefix + length > 255;
        assert_int_equal(port.sent_count, (cut ? 255 : prefix + length) + 2);
        assert_memory_equal(port.sent + port.sent_count - 5, cut ? "...\r\n" : "xxx\r\n", 5);
        assert_int_equal(port.sent[port.sent_count - 6], 'x');
    }
}

static void test_a_name_in_the_log_cannot_forge_a_line(void **state)
{
    (void)state;
    console_init();
    klog("init", "%s", "/bin/x\n[  9.999] cpu: fine\x1b[2J\x7f");
    assert_sent("[  1.234] init: /bin/x?[  9.999] cpu: fine?[2J?\r\n");
}

static void test_a_panic_writes_although_the_lock_is_held(void **state)
{
    (void)state;
    console_init();
    spin_lock(&console_lock);
    console_seize();
    console_write("panic\n", 6); /* the stub lock ends the test if it is taken again */
    assert_sent("panic\r\n");
    spin_unlock(&console_lock);
}

/* -- channel -- */

static int second_port(void **state)
{
    plug_in(state);
    port.base = SERIAL_COM2;
    console_init();
    channel_init();
    return 0;
}

static void test_the_channel_is_the_second_port_alone(void **state)
{
    (void)state;
    assert_true(channel_present());
    write_text("for the console\n");
    assert_sent("");
    port.base = SERIAL_COM1;
    channel_init();
    assert_false(channel_present());
    assert_int_equal(channel_write("lost", 4), 0);
    assert_int_equal(channel_read_byte(), -1);
    assert_sent("");
}

static void test_the_channel_changes_no_byte(void **state)
{
    (void)state;
    char all[256];
    for (unsigned i = 0; i < sizeof all; i++)
        all[i] = (char)i;
    assert_int_equal(channel_write(all, sizeof all), sizeof all);
    assert_int_equal(port.sent_count, sizeof all);
    assert_memory_equal(port.sent, all, sizeof all);
    port.received = '\r';
    assert_int_equal(channel_read_byte(), '\r');
    assert_int_equal(channel_read_byte(), -1);
    assert_int_equal(locks_held, 0);
}

static void test_a_channel_that_gets_stuck_says_how_much_went_out(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text);
    assert_int_equal(channel_write(text, 10), 10);
    port.jammed = true; /* the FIFO has room for six more */
    port.looks = 0;
    assert_int_equal(channel_write(text, sizeof text), 6);
    assert_int_equal(channel_write(text, sizeof text), 0);
    channel_flush();
    assert_true(port.looks <= 100000 + 2);
    port.jammed = false;
    assert_int_equal(channel_write(text, sizeof text), sizeof text);
    assert_int_equal(port.sent_count, 16 + sizeof text);
    assert_int_equal(locks_held, 0);
}

static void test_records_and_log_lines_do_not_wait_for_each_other(void **state)
{
    (void)state;
    spin_lock(&channel_lock);
    write_text("a log line"); /* the stub locks end the test if the rank does not rise */
    spin_unlock(&channel_lock);
}

/* -- screen -- */

static int text_screen(void **state)
{
    plug_in(state);
    memset(phys_to_virt(0xb8000), 0xa5, 0x8000);
    console_init();
    screen_init(&text_mode);
    screen_show();
    return 0;
}

static void test_without_a_text_screen_video_memory_is_left_alone(void **state)
{
    (void)state;
    screen_init(NULL);
    screen_show();
    memset(phys_to_virt(0xb8000), 0xa5, 0x8000);
    memset(crtc, 0xa5, sizeof crtc);
    write_text("not here\n");
    for (unsigned i = 0; i < 0x8000; i++)
        assert_int_equal(((uint8_t *)phys_to_virt(0xb8000))[i], 0xa5);
    for (unsigned i = 0; i < sizeof crtc; i++)
        assert_int_equal(crtc[i], 0xa5);
}

static void test_the_screen_is_cleared_and_text_starts_at_the_top(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 25; i++)
        assert_row(i, "");
    assert_cursor(0, 0);
    write_text("hello\nworld");
    assert_row(0, "hello");
    assert_row(1, "world");
    assert_row(2, "");
    assert_cursor(1, 5);
    assert_sent("hello\r\nworld");
}

static void test_control_characters_move_and_the_unprintable_is_marked(void **state)
{
    (void)state;
    write_text("50%\r60%\n\b\bab\bc\n\tx\ty\n\x1b[1;31mred\x1b[0m \xc3\xa9\xe2\x82\xac.\x01\x7f");
    assert_row(0, "60%");
    assert_row(1, "ac");
    assert_row(2, "        x       y");
    assert_row(3, "red ??.");
}

static void test_a_line_wraps_only_when_more_follows(void **state)
{
    (void)state;
    char line[82];
    memset(line, 'x', 80);
    strcpy(line + 80, "\n");
    write_text(line);
    write_text("next\n");
    assert_row(1, "next");
    assert_row(2, "");
    line[80] = 'y';
    write_text(line);
    assert_row(3, "y");
    assert_cursor(3, 1);
}

/* Far enough to go through the whole text memory several times. */
static void test_scrolling_keeps_the_last_25_lines_for_ever(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char line[32];
        snprintf(line, sizeof line, "\nline %d", i);
        write_text(line);
        port.sent_count = 0;
        for (int shown = i < 24 ? 0 : i - 24; shown <= i; shown++) {
            snprintf(line, sizeof line, "line %d", shown);
            assert_row((unsigned)(i < 24 ? shown + 1 : 24 - (i - shown)), line);
        }
        assert_cursor(i < 24 ? (unsigned)i + 1 : 24, (unsigned)strlen(line));
    }
}

static unsigned asked;

static void ask(void)
{
    assert_int_equal(locks_held, 1);
    asked++;
}

/* Text mode fits into one piece: so this one is slow. */
static void test_drawing_is_asked_for_until_all_is_there_and_comes_at_once_in_the_end(void **state)
{
    (void)state;
    static struct display slow;
    slow = text_mode;
    slow.cell_cost = PIECE;
    screen_init(&slow);
    screen_show();
    console_draw_later(ask);
    asked = 0;
    write_text("abc");
    assert_row(0, "");
    assert_int_equal(asked, 1);
    console_draw_piece();
    assert_row(0, "a");
    assert_int_equal(asked, 2);
    write_text("d");
    console_draw_piece();
    assert_row(0, "ab");
    assert_int_equal(asked, 4);
    console_last_words();
    assert_row(0, "abcd");
    write_text("efg");
    assert_row(0, "abcdefg");
    assert_int_equal(asked, 4);
    console_draw_later(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_is_written_before_console_init, plug_in),
        cmocka_unit_test_setup(test_bytes_go_out_as_they_are_and_newlines_as_cr_lf, plug_in),
        cmocka_unit_test_setup(test_the_fifo_is_filled_after_one_look, plug_in),
        cmocka_unit_test_setup(test_a_port_without_fifo_gets_one_byte_a_look, plug_in),
        cmocka_unit_test_setup(test_a_missing_port_costs_one_look, plug_in),
        cmocka_unit_test_setup(test_a_port_that_loops_nothing_back_is_not_used, plug_in),
        cmocka_unit_test_setup(test_a_port_that_gets_stuck_is_waited_for_once_and_taken_up_again,
                               plug_in),
        cmocka_unit_test_setup(test_a_received_byte_is_read_once, plug_in),
        cmocka_unit_test_setup(test_log_lines_carry_time_and_subsystem_and_line_up, plug_in),
        cmocka_unit_test_setup(test_a_long_log_line_is_cut_at_256_bytes_with_dots, plug_in),
        cmocka_unit_test_setup(test_a_name_in_the_log_cannot_forge_a_line, plug_in),
        cmocka_unit_test_setup(test_a_panic_writes_although_the_lock_is_held, plug_in),
        cmocka_unit_test_setup(test_the_channel_is_the_second_port_alone, second_port),
        cmocka_unit_test_setup(test_the_channel_changes_no_byte, second_port),
        cmocka_unit_test_setup(test_a_channel_that_gets_stuck_says_how_much_went_out, second_port),
        cmocka_unit_test_setup(test_records_and_log_lines_do_not_wait_for_each_other, second_port),
        cmocka_unit_test_setup(test_without_a_text_screen_video_memory_is_left_alone, text_screen),
        cmocka_unit_test_setup(test_the_screen_is_cleared_and_text_starts_at_the_top, text_screen),
        cmocka_unit_test_setup(test_control_characters_move_and_the_unprintable_is_marked,
                               text_screen),
        cmocka_unit_test_setup(test_a_line_wraps_only_when_more_follows, text_screen),
        cmocka_unit_test_setup(test_scrolling_keeps_the_last_25_lines_for_ever, text_screen),
        cmocka_unit_test_setup(
            test_drawing_is_asked_for_until_all_is_there_and_comes_at_once_in_the_end, text_screen),
    };
    return cmocka_run_group_tests(tests, map_screen, NULL);
}
