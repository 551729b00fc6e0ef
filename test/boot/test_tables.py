"""What the firmware's tables say, right or wrong: every CPU that can work does, what is wrong is named in
one line, and the tables can be sent to somebody."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, runner
from firmware import HEADER_SIZE, Firmware, root_pointer, table, xsdt
from gdbstub import debugged
from test_cpus import PINS, online

IGNORED = "what follows is ignored"
# MADT of test/acpi -> CPUs of the machine, how many come online, of how many, what the log says
ODD = {
    "phantom": (2, 2, 3, [r"smp: +CPU 2 \(APIC id 7, ACPI UID 9\) does not answer: left out"]),
    "phantoms": (2, 2, 12, [
        rf"smp: +CPU {n - 14} \(APIC id {n}, ACPI UID {n}\) does not answer: left out"
        for n in range(16, 26)
    ]),
    "crowd": (2, 2, 22, [
        *(rf"smp: +CPU {n - 14} \(APIC id {n}, ACPI UID {n}\) does not" for n in range(16, 32)),
        r"smp: +and 4 CPUs more$",
    ]),
    "disabled": (4, 3, 3, ["MADT: 3 CPUs enabled", "MADT: CPUs that may be plugged in later, and would not be used: 1$"]),
    "all_disabled": (2, 1, 1, [
        "MADT: 0 CPUs enabled", "MADT: CPUs that may be plugged in later, and would not be used: 1$",
        "MADT: the boot CPU, APIC id 0, is listed as disabled$",
    ]),
    "holes": (4, 2, 2, ["MADT: 2 CPUs enabled, highest APIC id 3"]),
    "last": (4, 4, 4, ["MADT: 4 CPUs enabled"]),
    "unlisted": (4, 3, 3, ["MADT: 2 CPUs enabled", "MADT: the boot CPU, APIC id 0, is not listed"]),
    "duplicates": (4, 4, 4, [
        "MADT: 4 CPUs enabled",
        "MADT: an ACPI UID that was listed before at byte 70$",
        "MADT: an APIC id that was listed before at byte 79$",
        "MADT: an APIC id that was listed before at byte 88$",
        "MADT: a processor with the id that means all of them at byte 103$",
        "MADT: and 2 faults more$",
    ]),
    "x2apic": (3, 3, 3, [
        "MADT: an APIC id that was listed before at byte 80$",
        "apic: xAPIC mode: an APIC id above 254 needs x2APIC, but the CPU has none",
        r"smp: +APIC id 291 needs x2APIC mode: left out",
    ]),
    "nmi": (4, 2, 2, [
        "MADT: an NMI on a pin that no local APIC has at byte 103$",
        "MADT: one more address of the local APICs at byte 104$",
    ]),
    "unknown": (4, 4, 4, ["MADT: 4 CPUs enabled", "MADT: a wake-up mailbox at 0x1fe65000 is not used"]),
    "length_zero": (4, 2, 2, [rf"MADT: .*length zero at byte 61: {IGNORED}"]),
    "length_short": (4, 2, 2, [rf"MADT: .*too short for its type at byte 61: {IGNORED}"]),
    "length_past": (4, 3, 3, [rf"MADT: .*past the end of the table at byte 69: {IGNORED}"]),
    "absent": (2, 1, 1, ["no MADT: one CPU"]),
    "checksum": (4, 1, 1, [
        r"RSDT, byte \d+: table APIC at 0x[0-9a-f]+: wrong checksum of the table: ignored",
        "no MADT: one CPU",
    ]),
}  # fmt: skip

SCATTERED = {"holes", "last", "unlisted"}  # programs are seen to run on each CPU


@pytest.mark.parametrize("name", ODD)
def test_odd_madt_is_named_and_the_cpus_it_lists_work(boot, name):
    smp, come, of, said = ODD[name]
    if name in SCATTERED:
        done = boot("init=/test/runner -- /test/sched=0", smp=smp, madt=name)
        done.check_ktap()
    else:
        done = boot("init=/test/exit_42", smp=smp, madt=name).check(42)
    assert online(done) == (come, of)
    for line in said:
        done.one(line)
    faults = [line for line in done.lines if " acpi: " in line and not re.search(r"CPUs? enabled", line)]
    expected = [line for line in said if "enabled" not in line and not re.match("smp|apic", line)]
    assert len(faults) == len(expected), "\n".join(faults)


def test_every_odd_madt_is_booted():
    assert {path.stem for path in (ROOT / "test/acpi").glob("*.asl")} == set(ODD) | PINS


# -- a root table with bad pointers: planted in memory, where the kernel is about to look ---------

PLACE = 0x50000  # in the first MiB, mapped, and nobody's
NOWHERE = 0x7000000000  # within the CPU's 40 bits, and nothing is there


@pytest.fixture
def firmware(tmp_path):
    machine = runner.Machine(iso="build/both/test.iso", append="init=/test/exit_42", smp=4)
    with debugged(tmp_path, machine) as session:
        yield Firmware(session.gdb), session


def listed(planted: Firmware) -> list[int]:
    return [address for name, address in planted.tables.items() if name != "DSDT"]


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def plant(planted: Firmware, root: bytes, others: dict[int, bytes], bad_pointer: bool = False) -> None:
    """A root pointer at PLACE, the XSDT 64 bytes behind it; the RSDT is the firmware's."""
    pointer = root_pointer(planted.rsdt, PLACE + 64)
    pointer = damaged(pointer, 32) if bad_pointer else pointer
    planted.plant(pointer, PLACE, {PLACE + 64: root, **others})


def all_four_are_online(session):
    done = session.end().check(42)
    assert online(done) == (4, 4), done.log
    return done


def test_bad_pointers_are_named_once_and_the_good_ones_beside_them_found(firmware):
    planted, session = firmware
    absurd, short, wrong = PLACE + 0x1000, PLACE + 0x1100, PLACE + 0x1200
    others = {
        absurd: table("OEM7", b"")[:4] + b"\xf0\xff\xff\xff" + bytes(28),
        short: table("OEM8", b"")[:4] + b"\x08\0\0\0" + bytes(28),
        wrong: table("OEM9", b"one bit is wrong")[:-1] + b"f",
    }
    bad = [
        (0, r"\?{4}", "a null pointer"),
        (PLACE + 64, "XSDT", "a root table"),
        (1 << 45, r"\?{4}", "not a physical address"),
        (NOWHERE, r"\?{4}", "no table's signature"),
        (planted.tables["APIC"] + 1, ".*", "no table's signature|an impossible length"),
        (absurd, "OEM7", "an impossible length"),
        (short, "OEM8", "an impossible length"),
        (wrong, "OEM9", "wrong checksum of the table"),
    ]
    again_and_more = [0, wrong, (1 << 64) - 16, 1 << 63]  # two of them said before
    addresses = [address for address, _, _ in bad] + again_and_more + listed(planted)
    plant(planted, xsdt(*addresses), others)
    done = all_four_are_online(session)
    for at, (address, name, what) in enumerate(bad):
        done.one(f"acpi: XSDT, byte {36 + 8 * at}: table {name} at {address:#x}: ({what}): ignored$")
    done.one("acpi: bad tables besides: 2$")
    assert len(done.find(" acpi: ")) == len(bad) + 2, done.log  # and what the MADT says


@pytest.mark.parametrize(
    "damage, said",
    [
        ("XSDT", r"RSDP, byte 24: table XSDT at 0x50040: wrong checksum of the table: ignored$"),
        ("RSDP", r"RSDP: wrong extended checksum of the root pointer at byte 32$"),
        ("MADT", r"XSDT, byte 36: table .{4} at 0x7000000000: no table's signature: ignored$"),
        ("signature", r"RSDP, byte 24: table OEM6 at 0x50040: not the root table that it should be: ignored$"),
    ],
    ids=["XSDT", "RSDP", "MADT", "signature"],
)  # fmt: skip
def test_rsdt_helps_where_the_xsdt_is_bad(firmware, damage, said):
    planted, session = firmware
    others = [address for address in listed(planted) if address != planted.tables["APIC"]]
    root = xsdt(NOWHERE, *others) if damage == "MADT" else xsdt(*listed(planted))
    if damage == "XSDT":
        root = damaged(root, 9)
    if damage == "signature":
        root = table("OEM6", root[HEADER_SIZE:])
    plant(planted, root, {}, bad_pointer=damage == "RSDP")
    done = all_four_are_online(session)
    done.one(said)
    assert len(done.find(" acpi: ")) == 2, done.log  # and what the MADT says


# -- acpi=dump ------------------------------------------------------------------------------------


def extracted(text: str, folder: Path) -> dict[str, bytes]:
    """Through acpixtract and iasl -d, neither of which may find fault with it."""
    (folder / "tables.txt").write_text(text)
    run = {"cwd": folder, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    subprocess.run(["acpixtract", "-a", "tables.txt"], check=True, **run)
    files = sorted(folder.glob("*.dat"))
    for file in files:
        done = subprocess.run(["iasl", "-d", file.name], **run)
        said = done.stdout + done.stderr
        assert done.returncode == 0 and "rror" not in said, f"{file.name}: {said}"
        assert file.with_suffix(".dsl").exists()
    found = {file.stem: file.read_bytes() for file in files}
    assert {"apic", "dsdt", "facp", "facs", "rsdt"} <= set(found)
    for name, data in found.items():
        assert data[:4] == name.upper().encode() and struct.unpack_from("<I", data, 4)[0] == len(data)
    return found


@pytest.mark.parametrize(
    "machine, firmware, smp", [("pc", "bios", 3), ("q35", "bios", 4), ("q35", "uefi", 2)]
)
def test_acpidump_boots_a_machine_and_gives_its_tables(tmp_path, machine, firmware, smp):
    # Longer than its own bound, so that it ends the machine itself.
    command = ["tools/acpidump", "--", "--machine", machine, "--firmware", firmware]
    command += ["--smp", str(smp)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stderr) == (0, "")
    madt = extracted(done.stdout, tmp_path)["apic"]
    ids, at = [], 44
    while at < len(madt):
        if madt[at] == 0 and madt[at + 4] & 1:
            ids.append(madt[at + 3])
        at += madt[at + 1]
    assert ids == list(range(smp))


def test_dump_has_every_byte_of_a_bad_table_too(boot, tmp_path):
    done = boot("acpi=dump init=/test/exit_42", smp=2, madt="checksum").check(42)
    (tmp_path / "log").write_text(done.log)
    command = ["tools/acpidump", tmp_path / "log"]
    dump = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (dump.returncode, dump.stderr) == (0, "")
    (tmp_path / "extracted").mkdir()
    assert extracted(dump.stdout, tmp_path / "extracted")["apic"] == (
        ROOT / "build/acpi/checksum.aml"
    ).read_bytes()
