"""What is checked on many machines, and once more on each kernel with a planted fault, where it must
fail. A check takes the fixture `boot` and what it takes besides: entry=, fault=, smp= ..."""

from __future__ import annotations

import re

from guest import Program, programs

LEFT_AS_FOUND = r"init: ended with status \d+; \d+ frames free, as before it started"


def nothing_leaked(done) -> None:
    assert done.find(LEFT_AS_FOUND), f"memory has leaked\n{done.log}"


def compare_rows(lines: list[str], smp: int, entry: str = "both") -> None:
    """In both of compare's tables, getpid and a number that nobody implements, there are figures for each
    open door of each CPU."""
    rows, cpu = [], ""
    for line in lines:
        if match := re.match(r" +(\d+)? +(int 0x80|syscall) +(closed|[\d,]+(?: +[\d.,]+){6})$", line):
            cpu = match[1] or cpu
            rows.append((cpu, match[2], match[3] != "closed"))
    doors = [("int 0x80", entry != "syscall"), ("syscall", entry != "int")]
    expected = [(str(cpu), door, is_open) for cpu in range(smp) for door, is_open in doors]
    assert rows == expected * 2, "\n".join(lines)


def programs_end_as_they_say(
    boot, chosen: list[Program], entry: str = "both", line: str = "", **where
) -> None:
    """Runs them one after the other, with `line` on the kernel's command line. What they check
    themselves is ok, each ends as it must, and when all have ended all their memory is back."""
    words = " ".join(f"'{program.word(entry)}'" for program in chosen)
    done = boot(f"{line} init=/test/runner -- {words}", entry=entry, **where)
    done.check_ktap()
    nothing_leaked(done)


def program_ends_as_it_says(boot, name: str, **where) -> None:
    chosen = [program for program in programs(where.get("entry", "both")) if program.name == name]
    assert chosen, f"no program {name}"
    programs_end_as_they_say(boot, chosen, **where)


def stress_finds_nothing(boot, seed: int, seconds: int = 5, line: str = "", **where) -> None:
    done = boot(f"{line} init=/bin/stress -- --seconds {seconds} --seed {seed}", **where)
    done.one(rf"^stress: seed {seed:#x}, ")
    print(f"seed {seed:#x}")
    wrong = done.find(r"^error: .*")
    assert not wrong, "\n".join(match[0] for match in wrong)
    done.check()
    calls = [line for line in done.programs if line.strip()][-1]
    match = re.fullmatch(r"([\d,]+) calls, 0 errors", calls)
    assert match, f"the last line is {calls!r}\n{done.log}"
    assert int(match[1].replace(",", "")) > 1000, done.log
    nothing_leaked(done)


def exact_counts(boot, **where) -> dict[tuple[str, str], int]:
    """Guest instructions of a call, by (what, door)."""
    done = boot("init=/bin/exact", icount=True, **where).check()
    lines = done.find(r"^exact: (\w+) by (int 0x80|syscall): (?:(\d+) guest instructions|closed)$")
    assert len(lines) == 4, done.log
    return {(match[1], match[2]): int(match[3]) for match in lines if match[3]}
