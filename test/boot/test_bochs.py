"""Bochs, a second opinion on what a CPU does: models of Intel's and of AMD's, x2APIC, and CPUs that take
turns of a few instructions."""

import random

import checks
import pytest
from guest import CROWDS, programs

INTEL, AMD = "corei7_haswell_4770", "ryzen"
WHERE = {"emulator": "bochs", "mem": "128M", "timeout": 600}

# command line, CPUs, model, entry
ORDINARY = [("apic=x2apic", 4, INTEL, "both"), ("", 4, AMD, "both")]
LARGE = [
    ("", 4, INTEL, "both"),
    ("", 1, INTEL, "both"),
    ("apic=x2apic", 8, INTEL, "both"),
    ("apic=x2apic kpti=off", 4, INTEL, "both"),
    ("kpti=on pcid=off", 4, INTEL, "both"),
    ("apic=x2apic", 4, INTEL, "int"),
    ("apic=x2apic", 4, INTEL, "syscall"),
    ("apic=x2apic", 4, "broadwell_ult", "both"),
    ("", 4, "core2_penryn_t9600", "both"),
    ("", 2, AMD, "int"),
    ("kpti=on", 4, AMD, "both"),
    ("", 4, "zambezi", "syscall"),
    ("", 4, "phenom_8650_toliman", "both"),
]
in_bochs = pytest.mark.parametrize(
    "line, smp, cpu, entry",
    ORDINARY + [pytest.param(*variant, marks=pytest.mark.large) for variant in LARGE],
)


@in_bochs
def test_programs_that_check_the_abi_find_it_kept(boot, line, smp, cpu, entry):
    chosen = [p for p in programs(entry) if p.endings == ("0",) and p.name not in CROWDS]
    assert len(chosen) > 20
    checks.programs_end_as_they_say(boot, chosen, entry, line, smp=smp, cpu=cpu, **WHERE)


@in_bochs
def test_faults_end_their_process_alone_and_as_on_linux(boot, line, smp, cpu, entry):
    """The single steps among them strike in ring 0: Bochs 2.7 raises that of a syscall there, with a mov to
    SS before it and without."""
    chosen = [program for program in programs(entry) if program.endings != ("0",)]
    assert len(chosen) > 40
    checks.programs_end_as_they_say(boot, chosen, entry, line, smp=smp, cpu=cpu, **WHERE)


@in_bochs
def test_stress_finds_no_error(boot, line, smp, cpu, entry):
    seed = random.getrandbits(32)
    checks.stress_finds_nothing(boot, seed, 5, line, entry=entry, smp=smp, cpu=cpu, **WHERE)


@in_bochs
def test_compare_has_a_row_for_each_door_of_each_cpu(boot, line, smp, cpu, entry):
    done = boot(
        f"{line} init=/bin/compare -- --calls 5000", initramfs="user", entry=entry, smp=smp, cpu=cpu, **WHERE
    ).check()  # fmt: skip
    asked = "x2APIC" if "x2apic" in line else "xAPIC"
    done.one(rf"apic: {asked} mode: ")
    done.one(rf"smp: +{smp} of {smp} CPUs online")
    checks.compare_rows(done.programs, smp, entry)
    checks.nothing_leaked(done)


def test_id_above_254_in_the_madt_is_why_the_apics_are_in_x2apic_mode(boot):
    done = boot("init=/test/exit_42", smp=3, cpu=INTEL, madt="x2apic", **WHERE).check(42)
    done.one(r"apic: x2APIC mode: an APIC id above 254 needs it$")
    done.one(r"smp: +CPU 3 \(APIC id 291, ACPI UID 3\) does not answer: left out")
    done.one(r"smp: +3 of 4 CPUs online")
