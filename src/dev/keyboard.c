/* Intel 8042 and an AT keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and
 * Auxiliary Device Controller"). Where the firmware plays one for a USB keyboard it may leave out
 * what is asked here: then the keys come all the same, and nothing is taken for granted. */

#include "dev/keyboard.h"
#include "cpu/io.h"
#include <stdint.h>

#define DATA    0x60
#define STATUS  0x64 /* read */
#define COMMAND 0x64 /* written */

#define STATUS_OUTPUT    0x01 /* a byte waits to be read */
#define STATUS_INPUT     0x02 /* the last one written has not been taken yet */
#define STATUS_AUXILIARY 0x20 /* the byte is the mouse's */
#define STATUS_NOBODY    0xff /* what a port reads that leads nowhere */

#define READ_CONFIG      0x20
#define WRITE_CONFIG     0x60
#define DISABLE_KEYBOARD 0xad
#define ENABLE_KEYBOARD  0xae
#define PULSE_RESET      0xfe

#define CONFIG_INTERRUPTS 0x03 /* IRQ 1 and 12 */
#define CONFIG_CLOCK_OFF  0x10 /* of the keyboard */
#define CONFIG_TRANSLATE  0x40 /* scan code set 2, the keyboard's own, to set 1 */

#define ENABLE_SCANNING 0xf4 /* to the keyboard itself */

#define RELEASED 0x80 /* in set 1; and every answer and every prefix of the keyboard's has it too */

#define LOOKS      20000 /* of about a microsecond; a byte takes the keyboard 1 ms */
#define TYPED_MOST 64    /* more than any buffer holds */

static bool absent;

void keyboard_set_absent(void)
{
    absent = true;
}

/* Whether the last byte written has been taken, in the end. */
static bool taken(void)
{
    for (unsigned i = 0; i < LOOKS; i++) {
        if (!(inb(STATUS) & STATUS_INPUT))
            return true;
        io_wait();
    }
    return false;
}

static bool write_to(uint16_t port, uint8_t value)
{
    if (!taken())
        return false;
    outb(port, value);
    return true;
}

/* A byte that is there already, or -1. The mouse's are dropped. */
static int read_waiting(void)
{
    uint8_t status = inb(STATUS);
    if (status == STATUS_NOBODY || !(status & STATUS_OUTPUT))
        return -1;
    uint8_t byte = inb(DATA);
    return status & STATUS_AUXILIARY ? -1 : byte;
}

static int wait_for_byte(void)
{
    int byte = -1;
    for (unsigned i = 0; i < LOOKS && (byte = read_waiting()) < 0; i++)
        io_wait();
    return byte;
}

static void drop_typed(void)
{
    for (unsigned i = 0; i < TYPED_MOST && (inb(STATUS) & STATUS_OUTPUT); i++)
        (void)inb(DATA);
}

bool keyboard_init(void)
{
    if (absent || inb(STATUS) == STATUS_NOBODY)
        return false;
    if (write_to(COMMAND, DISABLE_KEYBOARD)) /* lest a key be taken for the configuration */
        (void)taken();
    drop_typed();
    int config = write_to(COMMAND, READ_CONFIG) ? wait_for_byte() : -1;
    if (config >= 0 && write_to(COMMAND, WRITE_CONFIG))
        write_to(DATA,
                 (uint8_t)((config & ~(CONFIG_INTERRUPTS | CONFIG_CLOCK_OFF)) | CONFIG_TRANSLATE));
    write_to(COMMAND, ENABLE_KEYBOARD);
    if (write_to(DATA, ENABLE_SCANNING))
        wait_for_byte(); /* its acknowledgement */
    drop_typed();
    return true;
}

int keyboard_read(void)
{
    int byte = read_waiting();
    return byte > 0 && !(byte & RELEASED) ? byte : -1;
}

bool keyboard_reset_machine(void)
{
    return !absent && inb(STATUS) != STATUS_NOBODY && write_to(COMMAND, PULSE_RESET);
}
