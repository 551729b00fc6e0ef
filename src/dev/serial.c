/* A 16550, polled. Sixteen bytes go into its FIFO after one look at the status. A port that is
 * missing, or that stops taking bytes, costs one bounded wait and no more. */
#include "dev/serial.h"
#include "cpu/io.h"

/* Offsets of the registers. */
#define DATA        0 /* with DLAB: divisor, low byte */
#define INT_ENABLE  1 /* with DLAB: divisor, high byte */
#define FIFO_CTRL   2 /* written */
#define INT_IDENT   2 /* read */
#define LINE_CTRL   3
#define MODEM_CTRL  4
#define LINE_STATUS 5
#define SCRATCH     7

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

static void write_register(const struct serial_port *port, unsigned reg, uint8_t value)
{
    outb((uint16_t)(port->base + reg), value);
}

static uint8_t read_register(const struct serial_port *port, unsigned reg)
{
    return inb((uint16_t)(port->base + reg));
}

static bool wait_for_status(const struct serial_port *port, uint8_t bit, unsigned looks)
{
    while (looks-- > 0) {
        if (read_register(port, LINE_STATUS) & bit)
            return true;
    }
    return false;
}

static bool scratch_holds(const struct serial_port *port, uint8_t value)
{
    write_register(port, SCRATCH, value);
    return read_register(port, SCRATCH) == value;
}

/* One byte through the port's own loopback: proves transmitter and receiver, not only a register.
 */
static bool loops_back(const struct serial_port *port, uint8_t value)
{
    write_register(port, MODEM_CTRL, MODEM_LOOPBACK | MODEM_DTR_RTS);
    write_register(port, DATA, value);
    bool good =
        wait_for_status(port, STATUS_RECEIVED, STATUS_LOOKS) && read_register(port, DATA) == value;
    write_register(port, MODEM_CTRL, MODEM_DTR_RTS);
    return good;
}

void serial_init(struct serial_port *port)
{
    port->present = false;
    if (!scratch_holds(port, 0x5a) || !scratch_holds(port, 0xa5))
        return;
    wait_for_status(port, STATUS_SENT, STATUS_LOOKS); /* the boot loader's last line */
    write_register(port, INT_ENABLE, 0);
    write_register(port, LINE_CTRL, LINE_8N1 | LINE_DLAB);
    write_register(port, DATA, 1); /* 115200 / 1 baud */
    write_register(port, INT_ENABLE, 0);
    write_register(port, LINE_CTRL, LINE_8N1);
    write_register(port, FIFO_CTRL, FIFO_RESET);
    port->depth = (read_register(port, INT_IDENT) & IDENT_FIFO) == IDENT_FIFO ? 16 : 1;
    port->room = 0;
    port->stuck = false;
    port->present = loops_back(port, 0xae);
}

size_t serial_write(struct serial_port *port, const char *bytes, size_t length)
{
    size_t sent = 0;
    while (port->present && sent < length) {
        if (port->room == 0) {
            port->stuck = !wait_for_status(port, STATUS_FIFO_FREE, port->stuck ? 1 : STATUS_LOOKS);
            if (port->stuck)
                break;
            port->room = port->depth;
        }
        write_register(port, DATA, (uint8_t)bytes[sent++]);
        port->room--;
    }
    return sent;
}

int serial_read(struct serial_port *port)
{
    return port->present && read_register(port, LINE_STATUS) & STATUS_RECEIVED
               ? read_register(port, DATA)
               : -1;
}

void serial_flush(struct serial_port *port)
{
    if (port->present && !port->stuck)
        port->stuck = !wait_for_status(port, STATUS_SENT, STATUS_LOOKS);
}
