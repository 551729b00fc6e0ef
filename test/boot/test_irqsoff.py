"""No call, fault, interrupt or end keeps interrupts off for longer than the bound, whatever ring 3 built;
and what measures that can be wrong, and is not."""

import irqsoff
import pytest
from checks import nothing_leaked


def stretches(done) -> dict[str, int]:
    found = irqsoff.stretches(done.lines)
    assert found, f"no stretch was timed\n{done.log}"
    return found


@pytest.mark.parametrize("load", irqsoff.LOADS, ids=lambda load: load.name)
def test_interrupts_are_off_for_a_bounded_time_whatever_ring_3_built(boot, load):
    line = f"irqsoff=on init=/test/long_{load.name}"
    done = boot(line, smp=1, mem=load.mem, icount=True, timeout=300)
    found = stretches(done)
    over = {kind: length for kind, length in found.items() if length > irqsoff.BOUND}
    assert not over, f"more than {irqsoff.BOUND:,} instructions: {over}"
    done.check_ktap()
    nothing_leaked(done)


def sysinfo(boot, **where) -> int:
    """The longest stretch of a call that is nothing special."""
    done = boot("irqsoff=on init=/test/leak -- /test/exit_42", smp=1, icount=True, **where).check()
    return stretches(done)["sysinfo"]


def test_call_that_takes_long_is_seen_with_its_true_length(boot):
    turns, each = 1_000_000, 2
    assert sysinfo(boot, fault="long_stretch") - sysinfo(boot) in range(turns * each, turns * each + 10)


@pytest.mark.parametrize("entry", ["int", "syscall"])
@pytest.mark.parametrize("line", ["", "kpti=on clear_regs=on index_mask=off"])
def test_timed_doors_keep_the_abi(boot, entry, line):
    """Each variant of a door has a timed one."""
    words = f"/test/entry=0 /test/doors,{entry}=0 /test/threads=0 /test/fault_ud=SIGILL"
    done = boot(f"{line} irqsoff=on init=/test/runner -- {words}", entry=entry, smp=4)
    done.check_ktap()
    assert stretches(done)


def test_without_the_option_nothing_is_timed(boot):
    assert not irqsoff.stretches(boot("init=/test/exit_42").check(42).lines)
