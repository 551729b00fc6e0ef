"""Which CPUs come online: what the machine has, what is asked for. Odd tables: test_tables.py."""

import re

import checks
import pytest
from conftest import ROOT, runner
from gdbstub import debugged
from kernelfile import Kernel

ONLINE = r"smp: +(\d+) of (\d+) CPUs online in \d+ ms"


def online(done) -> tuple[int, int]:
    match = done.one(ONLINE)
    return int(match[1]), int(match[2])


@pytest.mark.parametrize(
    "smp, machine, cpu",
    [
        (1, "q35", "max"),
        (2, "pc", "Haswell"),
        (2, "q35", "EPYC"),
        (4, "pc", "max"),
        (7, "pc", "EPYC"),
        (7, "q35", "qemu64"),
        (3, "q35", "max"),
        (8, "pc", "max"),
        (32, "q35", "max"),
        (64, "q35", "qemu64"),
    ],
)
def test_every_cpu_comes_online(boot, smp, machine, cpu):
    done = boot("init=/test/exit_42", smp=smp, machine=machine, cpu=cpu).check(42)
    done.one(rf"acpi: MADT: {smp} CPUs enabled")
    assert online(done) == (smp, smp)


def compares_on_each(boot, smp: int, **machine) -> None:
    done = boot("init=/bin/compare -- --calls 200", smp=smp, **machine).check()
    assert online(done) == (smp, smp)
    checks.compare_rows(done.programs, smp)
    done.one(rf"smp: +TSCs of \d+ CPUs agree")


def test_compare_runs_on_each_of_16_cpus(boot):
    compares_on_each(boot, 16)


@pytest.mark.large
def test_compare_runs_on_each_of_255_cpus(boot):
    """As many as xAPIC mode can have, and QEMU's machine."""
    compares_on_each(boot, 255, timeout=300)


@pytest.mark.large
def test_threads_go_to_each_of_255_cpus(boot):
    done = boot(
        "init=/test/runner -- /test/sched=0 /test/threads=0 /test/races=0", smp=255, timeout=600
    )
    done.check_ktap()
    assert online(done) == (255, 255)


@pytest.mark.parametrize(
    "smp, ids, cpus",
    [("6,sockets=1,cores=3,threads=2", 5, 6), ("2,maxcpus=4", 1, 2)],
    ids=["threads", "sockets that are empty"],
)
def test_topologies(boot, smp, ids, cpus):
    """Three cores of two threads; and a machine with room for two CPUs more, which are not enabled."""
    done = boot("init=/test/runner -- /test/sched=0", smp=smp)
    done.check_ktap()
    done.one(rf"acpi: MADT: {cpus} CPUs enabled, highest APIC id {ids}\b")
    assert online(done) == (cpus, cpus)


def test_apic_ids_may_have_gaps(boot):
    """Two sockets of three cores: APIC ids 0 1 2 4 5 6."""
    done = boot("init=/test/runner -- /test/sched=0", smp="6,sockets=2,cores=3,threads=1")
    done.check_ktap()
    done.one(r"acpi: MADT: 6 CPUs enabled, .*\b6\b")
    assert online(done) == (6, 6)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_maxcpus_leaves_the_others_out_and_says_so(boot, most):
    done = boot(f"maxcpus={most} init=/test/runner -- /test/sched=0", smp=4)
    done.check_ktap()
    done.one(rf"smp: +{4 - most} CPUs left out: maxcpus={most}")
    assert online(done) == (most, most)


def test_nosmp_leaves_all_others_out_and_says_so(boot):
    done = boot("nosmp maxcpus=3 init=/test/runner -- /test/sched=0", smp=4)
    done.check_ktap()
    done.one(r"smp: +3 CPUs left out: nosmp")
    assert online(done) == (1, 1)


def test_cpus_that_memory_is_too_small_for_are_left_out(boot):
    done = boot("init=/test/exit_42", smp=96, mem="12M").check(42)
    left_out = int(done.one(r"smp: +no memory for (\d+) CPUs, from APIC id \d+ on: left out")[1])
    assert online(done) == (96 - left_out, 96 - left_out)


@pytest.mark.parametrize("line, why", [
    ("", "nothing asks for x2APIC"),
    ("apic=xapic", "apic=xapic"),
    ("apic=x2apic", "apic=x2apic, but the CPU has no x2APIC"),
])
def test_cpu_without_x2apic_stays_in_xapic_mode_and_says_why(boot, line, why):
    done = boot(f"{line} init=/test/exit_42", smp=2).check(42)
    done.one(rf"apic: xAPIC mode: {why}$")
    assert online(done) == (2, 2)


def test_maxcpus_beyond_the_machine_changes_nothing(boot):
    done = boot("maxcpus=64 init=/test/exit_42", smp=2).check(42)
    assert online(done) == (2, 2)
    assert not done.find("left out")


def test_ten_silent_cpus_cost_the_same_as_one(boot):
    """In guest instructions, which are the emulator's time here: exact."""
    took = {}
    for name, silent in (("phantom", 1), ("phantoms", 10)):
        done = boot("init=/test/exit_42", smp=2, madt=name, icount=True).check(42)
        assert len(done.find(r"smp: +CPU \d+ .* does not answer: left out")) == silent
        took[silent] = int(done.one(rf"smp: +2 of {2 + silent} CPUs online in (\d+) ms")[1])
    assert took[10] <= took[1] + 1, took
    assert took[1] <= 250


PINS = {"pins", "bad_pin", "pin_of_nobody", "all_pins"}  # MADTs of test/acpi


def pins_as_set(boot, cpus: range, **machine):
    """LINT0 and LINT1 of each CPU, as the emulator sees them while a program runs."""
    found = {}

    def look(line, qmp):
        if "init: /bin/compare" in line:
            for n in cpus:
                text = qmp.execute("human-monitor-command", **{"command-line": f"info lapic {n}"})
                found[n] = [
                    " ".join(re.search(rf"LVT{pin}\s+0x\w+ (.*)", text)[1].split()) for pin in (0, 1)
                ]

    done = boot("init=/bin/compare", smp=len(cpus), on_line=look, **machine).check()
    return done, found


def test_nmi_comes_by_the_pin_that_the_madt_says_on_each_cpu(boot):
    low, high = "active-lo edge NMI", "active-hi edge NMI"
    off = "active-hi edge masked Fixed (vec 0)"
    done, pins = pins_as_set(boot, range(4), madt="pins")
    assert pins == {1: [low, off], 0: [off, high], 2: [high, low], 3: [off, off]}
    done.one(r"acpi: MADT: an NMI on a pin that no local APIC has at byte \d+$")
    _, pins = pins_as_set(boot, range(2), madt="all_pins")
    assert pins == {n: [high, low] for n in range(2)}


def test_nmi_comes_by_lint1_where_the_madt_does_not_say(boot):
    for name in ("phantom", "bad_pin"):
        _, pins = pins_as_set(boot, range(2), madt=name)
        assert [second for _, second in pins.values()] == ["active-hi edge NMI"] * 2, name


def test_boot_cpu_without_a_uid_is_not_taken_for_the_one_with_uid_0(boot):
    _, pins = pins_as_set(boot, range(2), madt="pin_of_nobody")
    off = "active-hi edge masked Fixed (vec 0)"
    assert pins == {0: [off, off], 1: ["active-hi edge NMI", off]}


def test_cpu_that_comes_late_parks_and_disturbs_nobody(tmp_path):
    """The other CPUs are held at the entry from the trampoline, by a jump to itself in its place, until
    they have been given up; then they are let go. Each must come to the place where it parks."""
    machine = runner.Machine(
        iso=str(ROOT / "build/both/test.iso"), append="init=/test/runner -- /test/sched=0", smp=3
    )
    kernel = Kernel()
    entry, park = kernel["ap_entry"], kernel["ap_entry.park"]
    with debugged(tmp_path, machine) as session:
        gdb = session.gdb
        gdb.run_to(kernel["smp_start"])
        code = gdb.read(entry, 2)
        gdb.write(entry, b"\xeb\xfe")
        gdb.run_to(kernel["skew_measure"])
        gdb.write(entry, code)
        late = set()
        while len(late) < 2:
            gdb.run_to(park)
            assert gdb.thread not in late, "it came twice"
            late.add(gdb.thread)
            assert gdb.registers()["rsp"] == 0, "it has a stack"
            gdb.step()  # past the breakpoint
        done = session.end()
    done.check_ktap()
    assert len(done.find(r"smp: +CPU [12] .* does not answer: left out")) == 2
    assert online(done) == (1, 3)


def test_cpus_that_miss_the_first_try_come_by_the_second_and_both_tries_are_one_for_all(tmp_path):
    """All others of 16 CPUs are held as above, until the second try has begun: one INIT each, one wait
    for all. Of those that it has not reached yet, the first is let go when its block is taken back: it
    parks, until INIT takes it; the second may claim its block: no INIT for it. INIT takes the rest from
    where they are held."""
    smp = 16
    iso = str(ROOT / "build/both/test.iso")
    machine = runner.Machine(iso=iso, append="init=/test/exit_42", smp=smp)
    kernel = Kernel()
    names = {kernel[f"apic_send_{what}"]: what for what in ("init", "startup")}
    names[kernel["clock_delay_us"]] = "wait"
    entry, others = kernel["ap_entry"], list(range(1, smp))
    with debugged(tmp_path, machine) as session:
        gdb = session.gdb

        def next_calls(count: int) -> list[tuple[str, int]]:
            """The boot CPU's, with the first argument: an APIC id, microseconds."""
            found = []
            for _ in range(count):
                what = names[gdb.run_to_any(*names)]
                found.append((what, gdb.registers()["rdi"] & 0xFFFFFFFF))
                gdb.step()  # past the breakpoint
            return found

        gdb.run_to(kernel["smp_start"])
        code = gdb.read(entry, 2)
        gdb.write(entry, b"\xeb\xfe")
        first = next_calls(3 * len(others) + 1)
        assert first[: len(others) + 1] == [*(("init", n) for n in others), ("wait", 10000)]
        assert first[len(others) + 1 :] == [("startup", n) for n in others] * 2
        assert next_calls(1) == [("init", 1)]
        gdb.write(entry, code)
        threads = gdb.threads()
        gdb.run_to(kernel["ap_entry.park"], alone=threads[1])
        gdb.run_to(kernel["ap_main"], alone=threads[2])
        gdb.write(entry, b"\xeb\xfe")
        assert next_calls(smp - 2) == [*(("init", n) for n in others[2:]), ("wait", 10000)]
        gdb.write(entry, code)
        done = session.end().check(42)
    assert online(done) == (smp, smp)
    assert not done.find("does not answer|not online in time")


def tscs_agree(boot, **where):
    done = boot("init=/test/exit_42", smp=2, **where).check(42)
    assert not done.find(r"smp: +TSC of CPU "), done.log
    done.one(r"smp: +TSCs of 2 CPUs agree within \d+ ns \(known to \d+ ns\)")


def test_tscs_of_an_honest_machine_agree(boot):
    tscs_agree(boot)


def test_planted_skew_of_a_second_is_reported(boot):
    with pytest.raises(AssertionError) as failure:
        tscs_agree(boot, fault="skewed_tsc")
    log = str(failure.value)
    match = re.search(r"TSC of CPU 1 \(APIC id 1\) is (\d+) ns ahead \(known to (\d+) ns\)", log)
    assert match, log
    assert abs(int(match[1]) - 1_000_000_000) <= int(match[2]) + 1, match[0]
    assert "TSCs of 1 CPUs differ: a thread that changes CPUs may see time jump" in log


def test_cpu_with_the_id_of_the_boot_cpu_parks_until_it_is_started_again(tmp_path):
    """As if its APIC had that id. By then its descriptor table has no gate, not even real mode's."""
    machine = runner.Machine(
        iso=str(ROOT / "build/both/test.iso"), append="init=/test/exit_42", smp=2
    )
    kernel = Kernel()
    with debugged(tmp_path, machine) as session:
        gdb = session.gdb
        gdb.run_to(kernel["ap_entry.search"])
        text = session.qmp.execute("human-monitor-command", **{"command-line": "info registers -a"})
        assert "IDT=     0000000000000000 00000000" in text.split("CPU#1")[1], text
        assert gdb.registers()["rsi"] == 1
        gdb.set_register("rsi", 0)
        gdb.run_to(kernel["ap_entry.park"])
        assert gdb.registers()["rsp"] == 0, "it has a stack"
        done = session.end().check(42)
    assert online(done) == (2, 2)


def test_cpu_that_comes_online_after_a_panic_has_stopped_the_others_stops_too(tmp_path):
    """The boot CPU panics, so the other is told; but it goes on, and finds that the other is silent."""
    machine = runner.Machine(
        iso=str(ROOT / "build/both/test.iso"), append="init=/test/exit_42", smp=2
    )
    kernel = Kernel()
    with debugged(tmp_path, machine) as session:
        session.gdb.run_to(kernel["ap_main"])
        session.gdb.write(kernel["panicking"], b"\1\0\0\0")
        done = session.end().check(42)
    assert online(done) == (2, 2)
    done.one("smp: +TSCs of 1 CPUs not compared: no answer in time")
