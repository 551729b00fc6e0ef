// There is no local descriptor table: each selector that names one is refused, whatever lies in memory
// where whoever started the kernel may have had a table. test/boot/test_taken_over.py leaves one there.

#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"

#define TABLE     0x20000000UL /* as test_taken_over.py has it */
#define DATA      0x0000f20000000000UL
#define CALL_GATE 0x0000ec0000080000UL /* present, DPL 3, to selector 8: the kernel's code */
#define SELECTORS 5
#define WAYS      6

static const uint16_t selectors[SELECTORS] = {0x07, 0x0f, 0x17, 0x1007, 0xffff};

/* What the gate would lead to, in ring 0: straight back. */
__asm__("in_ring_0: rex.W lret");
extern char in_ring_0[];

static void use(int way, uint16_t selector)
{
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) pointer = {0, selector};

    switch (way) {
    case 0:
        __asm__ volatile("mov %w0, %%ds" : : "r"(selector));
        break;
    case 1:
        __asm__ volatile("mov %w0, %%es" : : "r"(selector));
        break;
    case 2:
        __asm__ volatile("mov %w0, %%fs" : : "r"(selector));
        break;
    case 3:
        __asm__ volatile("mov %w0, %%gs" : : "r"(selector));
        break;
    case 4:
        __asm__ volatile("mov %w0, %%ss" : : "r"(selector));
        break;
    default:
        __asm__ volatile("lcall *%0" : : "m"(pointer) : "memory");
    }
}

static int ending(int way, uint16_t selector)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        *(volatile uint64_t *)TABLE = DATA; /* the CPU itself brings no page in */
        use(way, selector);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status;
}

int main(void)
{
    static const char *const names[WAYS] = {"ds", "es", "fs", "gs", "ss", "a far call"};
    uint64_t *table = mmap((void *)TABLE, 4096, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    uint64_t gate = (uint64_t)in_ring_0;

    plan(WAYS + 1);
    ok(table == (void *)TABLE, "there is memory where a table may have been");
    for (int i = 0; i < 512; i++)
        table[i] = DATA;
    table[2] = CALL_GATE | (gate & 0xffff) | (gate >> 16 & 0xffff) << 48; /* selector 0x17 */
    table[3] = gate >> 32;
    for (int way = 0; way < WAYS; way++) {
        int refused = 0;

        for (int i = 0; i < SELECTORS; i++)
            refused += ending(way, selectors[i]) == SIGSEGV;
        is(refused, SELECTORS, names[way]);
    }
    return done();
}
