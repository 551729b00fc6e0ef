// A stub stands through timer ticks, and is gone after an NMI. On a kernel with lab=on; whoever runs
// this sends an NMI whenever it says that it waits for one.

#define _GNU_SOURCE
#include "lab.h"

enum {
    TRIES = 20,
    TICKS = 3,
    PASSES = 20000000, // some seconds: enough for the host to act
};

// Goes through a stub until something other than the stub answers, or nothing has in so many passes.
static long passes_until_gone(enum lab_door door, long most)
{
    long n = 0;

    lab_pass(door, SYS_getpid); // touches what it needs
    if (lab(LAB_INSTALL, door, LAB_BARE))
        return -1;
    while (n < most && lab_pass(door, SYS_getpid) == SYS_getpid)
        n++;
    return n;
}

static bool stands_through_ticks(enum lab_door door)
{
    for (long most = 1000; most < PASSES; most *= 2) {
        long before = lab(LAB_INTERRUPTS, 0, 0), n = passes_until_gone(door, most);
        if (lab_end() != 1 || n != most)
            return false;
        if (lab(LAB_INTERRUPTS, 0, 0) >= before + TICKS)
            return true;
    }
    return false;
}

static bool is_gone_after_nmi(enum lab_door door)
{
    for (int i = 0; i < TRIES; i++) {
        note("waits for an NMI, door", door);
        long before = lab(LAB_INTERRUPTS, 0, 0), n = passes_until_gone(door, PASSES),
             stood = lab_end();
        if (n < PASSES)
            return n > 0 && stood == 0 && lab(LAB_INTERRUPTS, 0, 0) > before;
    }
    return false;
}

int main(void)
{
    static const char *const sentences[] = {
        "a stub stands through timer ticks",
        "an NMI leaves the real door in place",
    };

    plan(2 * LAB_DOORS);
    stay_on(0);
    for (enum lab_door door = 0; door < LAB_DOORS; door++)
        for (int check = 0; check < 2; check++) {
            if (lab(LAB_INTERRUPTS, 0, 0) < 0)
                skip(sentences[check], "booted without lab=on");
            else if (!lab_has(door))
                skip(sentences[check], "not in this build");
            else
                ok(check ? is_gone_after_nmi(door) : stands_through_ticks(door), sentences[check]);
        }
    return done();
}
