"""Random calls of all numbers by both doors, from processes that change memory under each other's calls:
no panic, no hang, no promise broken, no frame lost. The seed is printed, and /test/fuzz_calls takes it."""

import random

import checks
import pytest


def fuzz_finds_nothing(boot, seconds: int, seed: int = 0, threads: int = 0, line: str = "", **where) -> None:
    seed = seed or random.getrandbits(32) | 1
    print(f"seed {seed:#x}")
    words = f"--seconds {seconds} --seed {seed} --threads {threads}"
    # A round that has begun is played to its end, however busy the host is.
    done = boot(f"{line} init=/test/fuzz_calls -- {words}", timeout=3 * seconds + 240, **where)
    done.one(rf"^fuzz_calls: seed {seed:#x}, \d+ threads$")
    wrong = done.find(r"^error: .*|panic: .*")
    assert not wrong, "\n".join(match[0] for match in wrong)
    done.check_ktap()
    assert int(done.one(r"^# calls, at least: (\d+)$")[1]) > 1000, done.log
    checks.nothing_leaked(done)


def test_minute_of_random_calls_on_four_cpus_finds_nothing(boot):
    fuzz_finds_nothing(boot, seconds=55, smp=4)


def test_random_calls_on_65_cpus_find_nothing(boot):
    fuzz_finds_nothing(boot, seconds=15, threads=12, smp=65)


@pytest.mark.parametrize("entry", ["int", "syscall"])
def test_random_calls_by_the_only_door_find_nothing(boot, entry):
    fuzz_finds_nothing(boot, seconds=5, entry=entry, smp=1, line="kpti=on")


@pytest.mark.large
@pytest.mark.parametrize("smp, line", [(4, ""), (65, ""), (7, "kpti=on")])
def test_twenty_minutes_of_random_calls_find_nothing(boot, smp, line):
    fuzz_finds_nothing(boot, seconds=1200, smp=smp, line=line)
