"""Which CPUs come online: what the firmware's tables say, what the machine has, what is asked for."""

import pytest
from conftest import ROOT

ONLINE = r"smp: +(\d+) of (\d+) CPUs online in \d+ ms"


def online(done) -> tuple[int, int]:
    match = done.one(ONLINE)
    return int(match[1]), int(match[2])


def runs_as_many(boot, smp: int, **where) -> None:
    """All come online, and programs see and use as many (sched goes to each by affinity)."""
    done = boot("init=/test/runner -- /test/sched=0 /test/threads=0", smp=smp, **where)
    done.check_ktap()
    assert online(done) == (smp, smp)


@pytest.mark.parametrize(
    "smp, machine, cpu",
    [
        (1, "q35", "max"),
        (2, "pc", "Haswell"),
        (2, "q35", "EPYC"),
        (4, "pc", "max"),
        (7, "pc", "EPYC"),
        (7, "q35", "qemu64"),
        (16, "q35", "max"),
    ],
)
def test_every_cpu_comes_online(boot, smp, machine, cpu):
    done = boot("init=/test/exit_42", smp=smp, machine=machine, cpu=cpu).check(42)
    done.one(rf"acpi: MADT: {smp} CPUs enabled")
    assert online(done) == (smp, smp)


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


def test_maxcpus_beyond_the_machine_changes_nothing(boot):
    done = boot("maxcpus=64 init=/test/exit_42", smp=2).check(42)
    assert online(done) == (2, 2)
    assert not done.find("left out")


def test_ap_that_never_answers_is_named_and_left_out(boot):
    done = boot("init=/test/runner -- /test/sched=0 /test/threads=0", smp=2, madt="phantom")
    done.check_ktap()
    done.one(r"smp: +CPU 2 \(APIC id 7, ACPI UID 9\) does not answer: left out")
    assert online(done) == (2, 3)


def test_disabled_cpu_is_not_started_and_apic_id_is_not_acpi_uid(boot):
    done = boot("init=/test/runner -- /test/sched=0", smp=4, madt="disabled")
    done.check_ktap()
    done.one(r"acpi: MADT: 3 CPUs enabled")
    assert online(done) == (3, 3)


def test_x2apic_entries_count_and_a_cpu_listed_twice_counts_once(boot):
    done = boot("init=/test/runner -- /test/sched=0", smp=3, madt="x2apic")
    done.check_ktap()
    done.one(r"smp: +APIC id 291 needs x2APIC mode: left out")
    assert online(done) == (3, 3)


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_without_a_madt_the_machine_runs_on_one_cpu(boot, machine):
    done = boot("init=/test/runner -- /test/sched=0", smp=2, machine=machine, madt="absent")
    done.check_ktap()
    done.one(r"acpi: no MADT")
    assert online(done) == (1, 1)


def bad_madt(damage, tmp_path, make_iso):
    table = bytearray((ROOT / "build/acpi/disabled.aml").read_bytes())
    damage(table)
    (tmp_path / "bad.aml").write_bytes(table)
    initramfs = (ROOT / "build/both/test.cpio").read_bytes()
    return make_iso(initramfs, more=[tmp_path / "bad.aml"])


def test_madt_with_a_bad_checksum_is_named_and_ignored(boot, tmp_path, make_iso):
    def damage(table):
        table[9] ^= 0xFF

    done = boot("init=/test/exit_42", iso=bad_madt(damage, tmp_path, make_iso), smp=4, madt="bad")
    done.check(42)
    done.one(r"acpi: table APIC at 0x[0-9a-f]+: .*checksum.*: ignored")
    done.one(r"acpi: no MADT")
    assert online(done) == (1, 1)


def test_madt_entry_without_a_length_ends_the_list_and_is_named(boot, tmp_path, make_iso):
    def damage(table):
        table[44 + 2 * 8 + 1] = 0  # the third CPU's
        table[9] = (table[9] + 8) % 256

    done = boot("init=/test/exit_42", iso=bad_madt(damage, tmp_path, make_iso), smp=4, madt="bad")
    done.check(42)
    done.one(r"acpi: MADT: .* at byte 61: what follows is ignored")
    assert online(done) == (2, 2)
