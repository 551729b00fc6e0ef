/* The driver of a 16550 serial port, polled. A port belongs to one user, who has the lock: the
 * console (dev/console.h) or the channel (dev/channel.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_COM1 0x3f8
#define SERIAL_COM2 0x2f8

struct serial_port {
    uint16_t base;  /* SERIAL_COM1 ...; what follows is the driver's */
    bool present;   /* constant after serial_init */
    bool stuck;     /* the last wait was in vain: do not wait again, only look */
    unsigned depth; /* bytes the FIFO holds */
    unsigned room;  /* bytes it takes for certain before the next look */
};

/* 115200 8N1. Without a port, the rest of these do nothing. */
void serial_init(struct serial_port *port);

/* Bytes as they are. How many went out: fewer than length when the port has taken none for a
 * bounded time, or is missing. */
size_t serial_write(struct serial_port *port, const char *bytes, size_t length);

/* The next byte received, or -1. */
int serial_read(struct serial_port *port);

/* Waits, for a bounded time, until all is sent: before the machine goes away. */
void serial_flush(struct serial_port *port);
