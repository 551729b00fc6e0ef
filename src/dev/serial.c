/* A 16550 at COM1, polled. Sixteen bytes go into its FIFO after one look at the status. A port that
 * is missing, or that stops taking bytes, costs one bounded wait and no more. */
#include "dev/serial.h"
#include "cpu/io.h"
#include <stdbool.h>

#define COM1        0x3f8
#define DATA        (COM1 + 0) /* with DLAB: divisor, low byte */
#define INT_ENABLE  (COM1 + 1) /* with DLAB: divisor, high byte */
#define FIFO_CTRL   (COM1 + 2) /* written */
#define INT_IDENT   (COM1 + 2) /* read */
#define LINE_CTRL   (COM1 + 3)
#define MODEM_CTRL  (COM1 + 4)
#define LINE_STATUS (COM1 + 5)
#define SCRATCH     (COM1 + 7)

#define LINE_8N1         0x03
#define LINE_DLAB        0x80
#define FIFO_RESET       0x07 /* enabled, both directions emptied */
#define IDENT_FIFO       0xc0 /* both bits: a 16550A, whose FIFO works */
#define MODEM_DTR_RTS    0x03
#define MODEM_LOOPBACK   0x10
#define STATUS_RECEIVED  0x01
#define STATUS_FIFO_FREE 0x20 /* the transmit FIFO is empty */
#define STATUS_SENT      0x40 /* and so is the shift register */

/* A look takes about a microsecond, a full FIFO 1.4 ms at 115200 baud. */
#define STATUS_LOOKS 100000

static bool present;
static bool stuck;     /* the last wait was in vain: do not wait again, only look */
static unsigned depth; /* bytes the FIFO holds */
static unsigned room;  /* bytes it takes for certain before the next look */

static bool wait_for_status(uint8_t bit, unsigned looks)
{
    while (looks-- > 0) {
        if (inb(LINE_STATUS) & bit)
            return true;
    }
    return false;
}

static bool scratch_holds(uint8_t value)
{
    outb(SCRATCH, value);
    return inb(SCRATCH) == value;
}

/* One byte through the port's own loopback: proves transmitter and receiver, not only a register.
 */
static bool loops_back(uint8_t value)
{
    outb(MODEM_CTRL, MODEM_LOOPBACK | MODEM_DTR_RTS);
    outb(DATA, value);
    bool good = wait_for_status(STATUS_RECEIVED, STATUS_LOOKS) && inb(DATA) == value;
    outb(MODEM_CTRL, MODEM_DTR_RTS);
    return good;
}

void serial_init(void)
{
    present = false;
    if (!scratch_holds(0x5a) || !scratch_holds(0xa5))
        return;
    wait_for_status(STATUS_SENT, STATUS_LOOKS); /* the boot loader's last line */
    outb(INT_ENABLE, 0);
    outb(LINE_CTRL, LINE_8N1 | LINE_DLAB);
    outb(DATA, 1); /* 115200 / 1 baud */
    outb(INT_ENABLE, 0);
    outb(LINE_CTRL, LINE_8N1);
    outb(FIFO_CTRL, FIFO_RESET);
    depth = (inb(INT_IDENT) & IDENT_FIFO) == IDENT_FIFO ? 16 : 1;
    room = 0;
    stuck = false;
    present = loops_back(0xae);
}

static void send(char byte)
{
    if (room == 0) {
        stuck = !wait_for_status(STATUS_FIFO_FREE, stuck ? 1 : STATUS_LOOKS);
        if (stuck)
            return;
        room = depth;
    }
    outb(DATA, (uint8_t)byte);
    room--;
}

void serial_write(const char *bytes, size_t length)
{
    for (size_t i = 0; present && i < length; i++) {
        if (bytes[i] == '\n')
            send('\r');
        send(bytes[i]);
    }
}

int serial_read(void)
{
    return present && inb(LINE_STATUS) & STATUS_RECEIVED ? inb(DATA) : -1;
}

void serial_flush(void)
{
    if (present && !stuck)
        stuck = !wait_for_status(STATUS_SENT, STATUS_LOOKS);
}
