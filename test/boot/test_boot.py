"""From power-on to the last line: what every build and every machine must do."""

import re

import pytest

ENTRIES = ["both", "int", "syscall"]


@pytest.mark.parametrize("entry", ENTRIES)
def test_boot_log_names_the_open_doors_first(boot, entry):
    log = boot("init=/bin/compare", entry=entry).check().lines
    assert re.match(rf"sallyport \d+\.\d+  ENTRY={entry}  git ", log[0]), log[0]


def test_last_line_carries_the_status_of_init(boot):
    machine = boot("init=/bin/compare").check()
    assert re.match(r"\[ *\d+\.\d{3}\] power: off, status 0$", machine.lines[-1])


def test_program_that_is_not_there_is_named_and_fails(boot):
    machine = boot("init=/bin/nobody").check(127)
    assert machine.find("/bin/nobody")


@pytest.mark.parametrize(
    "smp, machine, cpu",
    [
        (1, "pc", "qemu64"),
        (1, "q35", "max"),
        (2, "pc", "Haswell"),
        (2, "q35", "EPYC"),
        (4, "q35", "qemu64"),
        (4, "pc", "max"),
        (7, "q35", "Haswell"),
        (7, "pc", "EPYC"),
    ],
)
def test_every_cpu_of_every_machine_comes_online(boot, smp, machine, cpu):
    done = boot("init=/bin/compare", smp=smp, machine=machine, cpu=cpu).check()
    done.one(rf"smp: +{smp} of {smp} CPUs online")
