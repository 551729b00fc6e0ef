"""Whichever allocation of a program's fails, it ends by an errno or SIGKILL: no panic, no frame lost. The
kernel is one with the planted fault alloc_fail (CONTRIBUTING.md), so what is asked here is that nothing
turns red by it."""

import checks
import pytest
from guest import Program, programs

# They use a thread, or memory, that they were refused.
CARELESS = {"fpu", "memory_move", "threads", "time"}
# They allocate without end, or go on for too long after each of very many allocations.
TOO_MANY = {"oom", "oom_mappings", "races", "stdio"}
# Loads of test_irqsoff.py, small ones: what forks and has its copies map, move, unmap, exec and end.
SMALL = [Program(f"long_{name}", (count,), ("0",), "") for name, count in (("areas", "40"), ("memory", "1"))]
# Each of the ways to allocate: exec, fork, clone, maps of every kind, copies to pages that are not there.
DAILY = "exit_42 exit_from_thread fault_thread futex errnos_task errnos_memory memory copies".split()


def every_allocation_fails_once(boot, chosen: list[Program], **where) -> None:
    words = [p.word("both") + ("|SIGSEGV" if p.name.removesuffix("-glibc") in CARELESS else "") for p in chosen]
    line = " ".join(f"'{word}'" for word in words)
    done = boot(
        f"alloc_fail=1 init=/test/alloc_fail -- {line}", fault="alloc_fail", timeout=600, **where
    ).check()
    passed, _ = done.ktap()  # programs that fail print what they print: the runner's sentences count
    for program in chosen:
        name = f"/test/{program.name}"
        assert f"{name} leaves as much memory, whichever allocation fails" in passed, done.log
        assert f"{name} ends by an errno or SIGKILL, and in the end well" in passed, done.log
        runs = int(done.one(rf"^# {name}: (\d+) runs, \d+ ended by SIGKILL$")[1])
        assert runs > 10, "exec alone takes more allocations"
    checks.nothing_leaked(done)


@pytest.mark.parametrize(
    "program", [p for p in programs("both") if p.name in DAILY] + SMALL, ids=lambda p: p.name
)
def test_program_ends_and_loses_nothing_whichever_allocation_fails(boot, program):
    every_allocation_fails_once(boot, [program], smp=2)


@pytest.mark.large
@pytest.mark.parametrize(
    "program",
    [p for p in programs("both") if p.name.removesuffix("-glibc") not in TOO_MANY],
    ids=lambda p: p.name,
)
def test_every_program_ends_and_loses_nothing_whichever_allocation_fails(boot, program):
    every_allocation_fails_once(boot, [program], smp=1)
