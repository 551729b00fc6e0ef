"""tools/acpidump: picks the tables out of a log, and says which are not whole."""

import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def table(name: str, size: int) -> bytes:
    return struct.pack("<4sI", name.encode(), size) + bytes(range(8, size))


def dumped(data: bytes, address: int = 0x1FFE22F7) -> list[str]:
    """As the kernel prints it, over a serial line."""
    rows = [f"    {at:04X}: {data[at : at + 16].hex(' ').upper()}" for at in range(0, len(data), 16)]
    return [f"{data[:4].decode()} @ 0x{address:016x}", *rows, ""]


APIC, SSDT = table("APIC", 100), table("SSDT", 64)
BEFORE = ["\x1bcSeaBIOS", "[  0.030] acpi: the tables follow, on the serial port"]
AFTER = ["[  0.040] acpi: these were the tables", *dumped(table("FAKE", 40))]


def acpidump(tmp_path, lines: list[str]) -> subprocess.CompletedProcess:
    (tmp_path / "log").write_bytes("\r\n".join(lines).encode() + b"\xff\r\n")
    command = [ROOT / "tools/acpidump", tmp_path / "log"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def tables(tmp_path, text: str) -> dict[str, bytes]:
    (tmp_path / "text").write_text(text)
    subprocess.run(["acpixtract", "-a", "text"], cwd=tmp_path, check=True, capture_output=True)
    return {file.stem: file.read_bytes() for file in tmp_path.glob("*.dat")}


def test_tables_are_found_between_other_lines(tmp_path):
    done = acpidump(tmp_path, BEFORE + dumped(APIC) + ["[  0.033] smp: a line"] + dumped(SSDT) + AFTER)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii() and "FAKE" not in done.stdout
    assert tables(tmp_path, done.stdout) == {"apic": APIC, "ssdt": SSDT}


def test_column_of_characters_is_not_taken_for_bytes(tmp_path):
    data = table("SSDT", 36) + b"ABBAFADE CAFE 12 DEADBEEF"
    data = data[:4] + struct.pack("<I", len(data)) + data[8:]
    done = acpidump(tmp_path, dumped(data))
    assert "FADE" in done.stdout
    assert tables(tmp_path, done.stdout) == {"ssdt": data}


@pytest.mark.parametrize(
    "lost, said",
    [
        (slice(2, 3), "a line is missing at byte 0x10"),
        (slice(1, 2), "a line is missing at byte 0x0"),
        (slice(7, 8), "96 bytes of 100"),
    ],
)
def test_table_that_is_not_whole_is_named_and_the_others_are_written(tmp_path, lost, said):
    broken = dumped(APIC)
    del broken[lost]
    done = acpidump(tmp_path, BEFORE + broken + dumped(SSDT) + AFTER)
    assert done.returncode == 1
    assert done.stderr == f"acpidump: APIC is not whole: {said}\n"
    assert tables(tmp_path, done.stdout) == {"ssdt": SSDT}


def test_damaged_line_is_a_missing_one(tmp_path):
    broken = dumped(APIC)
    broken[3] = broken[3][:20] + "?" + broken[3][21:]
    done = acpidump(tmp_path, broken)
    assert done.returncode == 1
    assert done.stderr == "acpidump: APIC is not whole: a line is missing at byte 0x20\n"


@pytest.mark.parametrize("lines", [[], BEFORE, ["[  0.1] boot: APIC @ 0x0000000000000000"]])
def test_log_without_tables_is_a_failure(tmp_path, lines):
    done = acpidump(tmp_path, lines)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no tables" in done.stderr


def test_log_that_is_not_there_is_named():
    done = subprocess.run([ROOT / "tools/acpidump", "/no/such"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "acpidump: /no/such: No such file or directory\n")
