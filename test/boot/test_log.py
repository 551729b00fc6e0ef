"""What programs can make the kernel say, and how often."""

from __future__ import annotations

from conftest import ROOT, newc

BURST, PER_SECOND = 10, 5  # src/dev/log_limit.h
KINDS = {  # a line of the kind, what it is called when it is not logged, how many of it there were
    "signals": (r"sys: +log_flood: signal 10 is not sent", "sys: +not logged: (\\d+) refused signals$", 100),
    "programs": (r"exec: +/bin/text: ", "exec: +not logged: (\\d+) refused programs$", 1),
    "faults": (r"trap: log_flood .* ended by signal 4$", "trap: not logged: (\\d+) processes that were ended$", 1),
}
TIMES = 60


def test_lines_that_programs_cause_are_limited_by_kind_and_none_goes_uncounted(boot, make_iso):
    program = (ROOT / "build/both/test/log_flood").read_bytes()
    iso = make_iso(newc({"bin/log_flood": program, "bin/text": b"This is no program.\n" * 10}))
    done = boot(f"init=/bin/log_flood -- {TIMES} /bin/text", iso=iso, smp=1).check()
    seconds = float(done.lines[-1][1:].split("]")[0])
    for name, (line, held_back, each) in KINDS.items():
        logged = len(done.find(line))
        counted = sum(int(match[1]) for match in done.find(held_back))
        assert logged + counted == each * TIMES, name
        assert BURST <= logged <= BURST + PER_SECOND * seconds + 1, name
    registers = len(done.find(r"trap: rip [0-9a-f]{16} "))
    assert registers == len(done.find(KINDS["faults"][0])), "a fault's registers come with its line"
    assert done.lines[-1].endswith("power: off, status 0")
