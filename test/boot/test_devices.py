"""The second serial port as a channel for records, what /dev/sallyport tells, and the clock."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading

import pytest
from conftest import ROOT, make

KEYS = """version entry git build compiler features mitigations lab tsc_khz tsc_source tsc_error_ppm
tsc_invariant cpus""".split()
PATTERN = bytes((i + i // 256) % 256 for i in range(256 * 300))


def about(done) -> dict[str, str]:
    """What the program devices has read from /dev/sallyport, in its order."""
    return {match[1]: match[2] for match in done.find(r"^# about: (\w+): (.*)$")}


@pytest.mark.parametrize("entry, smp", [("both", 1), ("int", 4), ("syscall", 2)])
def test_bytes_written_to_the_channel_arrive_unchanged(boot, tmp_path, entry, smp):
    record = tmp_path / "record"
    done = boot("init=/test/devices -- port", entry=entry, smp=smp, extra=["-serial", f"file:{record}"])
    done.check_ktap()
    assert record.read_bytes() == PATTERN


def test_without_a_second_port_the_channel_cannot_be_opened(boot):
    passed = boot("init=/test/devices", smp=1).check_ktap()
    assert "without a port open of /dev/ttyS1 is ENXIO" in passed


class Listener:
    """The other end of the second serial port."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.answer = b""
        self.received = 0
        self.thread = threading.Thread(target=self.drain)

    def on_line(self, line: str, _qmp) -> None:
        if line == "# send 8":
            self.socket.settimeout(30)
            self.socket.connect(self.path)
            self.socket.sendall(b"a\r\nb\0\xff\n\r")
        elif re.match(r"ok \d+ - write sends it back", line):
            self.answer = self.socket.recv(8, socket.MSG_WAITALL)
        elif line.startswith("# taken "):
            self.thread.start()

    def drain(self) -> None:
        while data := self.socket.recv(65536):
            self.received += len(data)


def test_channel_that_takes_no_more_ends_the_write_and_loses_nothing_that_it_took(boot, tmp_path):
    other = Listener(tmp_path / "socket")
    second = ["-serial", f"unix:{tmp_path}/socket,server=on,wait=off"]
    done = boot("init=/test/devices -- talk", smp=2, extra=second, on_line=other.on_line)
    other.thread.join(30)
    done.check_ktap()
    assert other.answer == b"a\r\nb\0\xff\n\r"
    assert other.received == int(done.one(r"^# taken (\d+)$")[1]) + 1


def build_id(kernel) -> str:
    notes = subprocess.run(["readelf", "-n", kernel], capture_output=True, text=True, check=True)
    return re.search(r"Build ID: ([0-9a-f]+)$", notes.stdout, re.MULTILINE)[1]


@pytest.mark.parametrize("entry, smp, cpu", [("both", 4, "max"), ("int", 2, "qemu64"), ("syscall", 1, "EPYC")])
def test_dev_sallyport_tells_what_the_host_knows(boot, entry, smp, cpu):
    done = boot("init=/test/devices", entry=entry, smp=smp, cpu=cpu)
    done.check_ktap()
    told = about(done)
    assert list(told) == KEYS
    first = done.one(r"^sallyport (\S+) ENTRY=(\w+) git (\S+)$")
    assert (told["version"], told["entry"], told["git"]) == (first[1], first[2], first[3])
    assert told["entry"] == entry
    assert f'"{told["git"]}"' in (ROOT / f"build/{entry}/gen/version.h").read_text()
    assert told["build"] == build_id(ROOT / f"build/{entry}/sallyport")
    assert told["build"] == build_id(ROOT / f"build/{entry}/kernel.elf")
    assert re.fullmatch("[0-9a-f]{40}", told["build"])
    assert re.fullmatch(r"(gcc|clang) \d+\.\d+\.\d+", told["compiler"])
    assert told["features"] == done.one(r"cpu: +in force: (.*)$")[1]
    assert told["mitigations"] == done.one(r"cpu: +mitigations: (.*)$")[1]
    mitigations = dict(word.split("=") for word in told["mitigations"].split())
    names = re.findall(r'"(\w+)"', (ROOT / "src/cpu/mitigation_names.c").read_text())
    assert list(mitigations) == names
    assert set(mitigations.values()) <= {"on", "off", "absent"}
    assert told["lab"] == "off"
    assert told["tsc_invariant"] in ("yes", "no")
    assert told["cpus"] == str(smp)


def test_three_builds_have_three_ids():
    assert len({build_id(ROOT / f"build/{entry}/sallyport") for entry in ("both", "int", "syscall")}) == 3


def test_dev_sallyport_counts_the_cpus_that_are_online_and_knows_of_the_lab(boot):
    told = about(boot("lab=on init=/test/devices", smp=2, madt="phantom").check())
    assert (told["cpus"], told["lab"]) == ("2", "on"), "one of three does not answer"


def test_dev_sallyport_tells_of_the_clock_what_the_log_does(boot):
    """Whether it is right, test_power checks."""
    done = boot("init=/test/devices", smp=1, machine="pc").check()
    told = about(done)
    log = done.one(r"cpu: .* TSC (\d+\.\d+) GHz \((.*), error (\d+) ppm, ((?:not )?invariant)\)$")
    assert float(log[1]) == (int(told["tsc_khz"]) + 500) // 1000 / 1000
    assert (log[2], log[3]) == (told["tsc_source"], told["tsc_error_ppm"])
    assert (log[4] == "invariant") == (told["tsc_invariant"] == "yes")


def copy_of_the_sources(folder):
    for name in ("src", "tools", "user", "GNUmakefile", "grub.cfg"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)


def test_same_sources_in_another_folder_give_the_same_kernel(tmp_path):
    images = []
    for name in ("one", "another/and/longer"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        copy_of_the_sources(folder)
        done = make("-C", str(folder), "-j2", "build/both/sallyport")
        assert done.returncode == 0, done.stdout + done.stderr
        images.append((folder / "build/both/sallyport").read_bytes())
    assert images[0] == images[1]
