/* The console: every byte to the serial port and to the screen, whole lines at a time. */
#include "dev/console.h"
#include "cpu/clock.h"
#include "cpu/spinlock.h"
#include "dev/screen.h"
#include "dev/serial.h"
#include "lib/format.h"
#include "lib/string.h"
#include <limits.h>
#include <stdbool.h>

#define LINE_SIZE 256     /* bytes of a log line, with its newline */
#define PIECE     100000L /* of drawing, in instructions: it is done with interrupts off */

static struct spinlock console_lock = SPINLOCK("console", LOCK_CONSOLE);
static struct serial_port com1 = {.base = SERIAL_COM1};
static atomic_bool last_words; /* nobody comes to draw later any more */
static bool ready;             /* set once, before other CPUs run */
static atomic_bool seized;     /* one CPU has the console for good: it may hold the lock already */
static void (*draw_later)(void); /* NULL: all is drawn at once. Guarded by the lock */

/* Returns whether to unlock: a panic may come between. */
static bool lock_console(void)
{
    if (atomic_load(&seized))
        return false;
    spin_lock(&console_lock);
    return true;
}

static void unlock_console(bool locked)
{
    if (locked)
        spin_unlock(&console_lock);
}

void console_init(void)
{
    serial_init(&com1);
    ready = true;
}

void console_seize(void)
{
    if (!atomic_exchange(&seized, true)) /* not again in a fault that comes of it */
        screen_take_over();
}

void console_keep(void)
{
    (void)lock_console();
}

void console_last_words(void)
{
    last_words = true;
    console_draw_piece();
}

/* Before there is anybody to come for it, and when nobody will any more. */
static bool draws_at_once(void)
{
    return !draw_later || atomic_load(&seized) || last_words;
}

void console_draw_later(void (*ask)(void))
{
    bool locked = lock_console();
    draw_later = ask;
    unlock_console(locked);
}

void console_draw_piece(void)
{
    bool locked = lock_console();
    if (!screen_draw(draws_at_once() ? LONG_MAX : PIECE))
        draw_later();
    unlock_console(locked);
}

/* What the port does not take is dropped: a console never holds anybody up for long. */
static void write_lines(const char *bytes, size_t length)
{
    while (length) {
        size_t line = 0;
        while (line < length && bytes[line] != '\n')
            line++;
        serial_write(&com1, bytes, line);
        if (line < length) {
            serial_write(&com1, "\r\n", 2);
            line++;
        }
        bytes += line;
        length -= line;
    }
}

void console_write(const char *bytes, size_t length)
{
    if (!ready)
        return;
    bool locked = lock_console();
    write_lines(bytes, length);
    screen_write(bytes, length);
    if (draws_at_once())
        screen_draw(LONG_MAX);
    else
        draw_later();
    unlock_console(locked);
}

void console_write_serial(const char *bytes, size_t length)
{
    bool locked = lock_console();
    write_lines(bytes, length);
    unlock_console(locked);
}

int console_read_byte(void)
{
    if (!ready)
        return -1;
    bool locked = lock_console();
    int byte = serial_read(&com1);
    unlock_console(locked);
    return byte;
}

void console_flush(void)
{
    serial_flush(&com1);
}

/* The texts of a boot log line up behind names of up to four letters. */
static size_t put_prefix(char *line, const char *subsystem)
{
    uint64_t ms = clock_boot_ns() / 1000000;
    size_t name = strnlen(subsystem, 16);
    return format(line, LINE_SIZE, "[%3lu.%03lu] %.16s:%*s", ms / 1000, ms % 1000, subsystem,
                  name < 4 ? (int)(5 - name) : 1, "");
}

void klog(const char *subsystem, const char *text, ...)
{
    char line[LINE_SIZE];
    const size_t room = sizeof line - 1; /* the newline takes the terminator's place */
    size_t length = put_prefix(line, subsystem);

    va_list args;
    va_start(args, text);
    length += vformat(line + length, sizeof line - length, text, args);
    va_end(args);
    if (length > room) {
        length = room;
        memcpy(line + length - 3, "...", 3);
    }
    /* Names in the log come from ring 3: none of them forges a line or moves the cursor. */
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    line[length++] = '\n';
    console_write(line, length);
}
