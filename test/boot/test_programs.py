"""All programs of test/guest, and the stress, on machines chosen so that every ENTRY meets every
number of CPUs, every CPU model and both machines, and every CPU model meets three numbers of CPUs."""

import random

import checks
import pytest
from guest import CROWDS, programs

# No CPU with long mode has less.
OLD = "qemu64,-pge,-mce,-pat,-cx16,-sep,-clflush,-lahf_lm,-sse3"
MACHINES = [
    ("both", 1, "pc", OLD),
    ("both", 2, "pc", "max"),
    ("both", 4, "q35", "Haswell"),
    ("both", 7, "q35", "EPYC"),
    ("int", 1, "q35", "max"),
    ("int", 2, "q35", "Haswell"),
    ("int", 4, "pc", "EPYC"),
    ("int", 7, "pc", OLD),
    ("syscall", 1, "pc", "Haswell"),
    ("syscall", 2, "pc", "EPYC"),
    ("syscall", 4, "q35", "qemu64"),
    ("syscall", 7, "q35", "max"),
]
on_every_machine = pytest.mark.parametrize("entry, smp, machine, cpu", MACHINES)


@on_every_machine
def test_programs_that_check_the_abi_find_it_kept(boot, entry, smp, machine, cpu):
    chosen = [p for p in programs(entry) if p.endings == ("0",) and (p.name not in CROWDS or entry == "both")]
    assert len(chosen) > 20
    checks.programs_end_as_they_say(boot, chosen, entry, smp=smp, machine=machine, cpu=cpu)


@on_every_machine
def test_faults_end_their_process_alone_and_as_on_linux(boot, entry, smp, machine, cpu):
    chosen = [program for program in programs(entry) if program.endings != ("0",)]
    assert len(chosen) > 40
    checks.programs_end_as_they_say(boot, chosen, entry, smp=smp, machine=machine, cpu=cpu)


@pytest.mark.parametrize(
    "entry, smp, machine, cpu",
    [
        ("both", 4, "q35", "max"),
        ("int", 4, "pc", "qemu64"),
        ("syscall", 4, "q35", "Haswell"),
        ("both", 7, "pc", "EPYC"),
        ("both", 1, "q35", "max"),
        ("int", 2, "q35", "EPYC"),
        pytest.param("both", 64, "q35", "max", marks=pytest.mark.large),
    ],
)
def test_stress_finds_no_error(boot, entry, smp, machine, cpu):
    seed = random.getrandbits(32)
    checks.stress_finds_nothing(boot, seed, entry=entry, smp=smp, machine=machine, cpu=cpu)


def test_fault_is_logged_with_its_cause_address_and_registers(boot):
    done = boot("init=/test/fault_kernel_write").check(128 + 11)
    done.one(
        r"trap: fault_kernel_write \(pid 1, thread 1\) on CPU \d: #PF page fault, "
        r"address 0xffff800000100000: ended by signal 11"
    )
    for register in ("rip", "rflags", "rsp", "rax", "r15"):
        done.one(rf"trap: .*\b{register}\s+[0-9a-f]+")


def test_programs_leave_no_memory_behind_however_they_end(boot):
    victims = ["threads", "fault_thread", "fault_null", "oom", "exit_from_thread"]
    words = " ".join(f"/test/{name}" for name in victims)
    done = boot(f"init=/test/leak -- {words}", smp=4, mem="64M").check()
    free = done.find(r"^ok \d+ - /test/(\w+) leaves as much free memory as it found$")
    assert [match[1] for match in free] == victims, done.log
    checks.nothing_leaked(done)


def test_small_machine_runs_out_of_memory_and_carries_on(boot):
    words = "'/test/oom=0|SIGKILL' /test/oom_mappings=0 /test/exit_42=42 /test/threads=0"
    done = boot(f"init=/test/runner -- {words}", mem="64M")
    done.check_ktap()
    checks.nothing_leaked(done)


def test_memory_above_four_gigabytes_is_used(boot):
    done = boot("init=/test/runner -- /test/threads=0", mem="6G")
    done.check_ktap()
    assert 6000 < int(done.one(r"boot: .* (\d+) MiB usable")[1]) <= 6144
    checks.nothing_leaked(done)
