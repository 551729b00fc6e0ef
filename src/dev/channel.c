/* COM2 under a lock of its own: a record never waits for a log line. */
#include "dev/channel.h"
#include "cpu/spinlock.h"
#include "dev/serial.h"

static struct spinlock channel_lock = SPINLOCK("channel", LOCK_CHANNEL);
static struct serial_port com2 = {.base = SERIAL_COM2};

void channel_init(void)
{
    serial_init(&com2);
}

bool channel_present(void)
{
    return com2.present;
}

size_t channel_write(const char *bytes, size_t length)
{
    spin_lock(&channel_lock);
    size_t sent = serial_write(&com2, bytes, length);
    spin_unlock(&channel_lock);
    return sent;
}

int channel_read_byte(void)
{
    spin_lock(&channel_lock);
    int byte = serial_read(&com2);
    spin_unlock(&channel_lock);
    return byte;
}

/* Without the lock: whoever holds it may have been stopped by a panic. */
void channel_flush(void)
{
    serial_flush(&com2);
}
