"""The harness of the boot tests: builds what they boot, boots it by tools/machine.py, reads the log.

    def test_something(boot):
        machine = boot("init=/test/something", smp=2)
        machine.check_ktap()
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import bochs  # noqa: E402
import machine as runner  # noqa: E402


def pytest_configure(config):
    """Built once, before the workers of xdist start, so that plain `pytest test/boot` is enough. What is
    marked large runs when it is asked for: `pytest -m large test/boot`."""
    config.addinivalue_line("markers", "large: takes long; `make test-large` runs these")
    config.option.markexpr = config.option.markexpr or "not large"
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        subprocess.run(["make", "-s", "-j2", "boot-images"], cwd=ROOT, check=True)


@dataclass
class Boot:
    """What a boot left behind."""

    status: int  # as tools/run ends: the program's, or 97 98 99 124 125
    qemu_status: int | None
    log: str

    @property
    def lines(self) -> list[str]:
        return self.log.replace("\r", "").splitlines()

    @property
    def programs(self) -> list[str]:
        """The lines that programs printed: those without the kernel's time in front."""
        return [line for line in self.lines if not re.match(r"\[ *\d+\.\d+\] ", line)]

    def find(self, pattern: str) -> list[re.Match[str]]:
        return [match for line in self.lines if (match := re.search(pattern, line))]

    def one(self, pattern: str) -> re.Match[str]:
        """The one line that matches; none or two are a failure."""
        found = self.find(pattern)
        assert len(found) == 1, f"{len(found)} lines match {pattern!r}\n{self.log}"
        return found[0]

    def check(self, status: int = 0) -> Boot:
        assert self.status == status, f"status {self.status}, expected {status}\n{self.log}"
        return self

    def ktap(self) -> tuple[list[str], list[str]]:
        """Names of passed and failed results; a plan that was not kept is a failed result, unless
        the runner says that a signal ended the program in the middle of it."""
        passed: list[str] = []
        failed: list[str] = []
        plans = 0
        left = 0  # of the last plan
        for line in self.programs:
            if match := re.match(r"1\.\.(\d+)$", line):
                if left:
                    failed.append(f"a plan was not kept: {left} results are missing or too many")
                plans, left = plans + 1, int(match[1])
            elif match := re.match(r"(not )?ok \d+ *-? *(.*)", line):
                (failed if match[1] else passed).append(match[2])
                left -= 1
            elif re.match(r"# /\S+ ends: SIG", line):
                left = 0
        if not plans:
            failed.append("no KTAP plan `1..N` in the output")
        elif left:
            failed.append(f"the last plan was not kept: {left} results are missing or too many")
        return passed, failed

    def check_ktap(self) -> list[str]:
        """Every result ok, the plan kept, status 0; gives the names of the results."""
        passed, failed = self.ktap()
        assert not failed, "\n".join(["not ok:", *failed, "", self.log])
        assert passed, f"no result\n{self.log}"
        self.check()
        return passed


class NoExitDevice(runner.Machine):
    """As real machines are: power-off by ACPI, and a kernel that refuses halts."""

    def command(self) -> list[str]:
        command = super().command()
        at = next(i for i, word in enumerate(command) if word.startswith("isa-debug-exit"))
        return command[: at - 1] + command[at + 1 :]


@pytest.fixture
def boot() -> Callable[..., Boot]:
    """boot(append, ...) boots once and returns what it left behind. `initramfs` is "test" (the
    programs in /bin and the test programs in /test) or "user" (the ISO that users get); `fault`
    names a planted kernel fault; `iso` is an image of the test's own; `on_line(line, qmp)` sees
    the log grow and may talk to QEMU: qmp.execute("inject-nmi"); `emulator` is qemu or bochs. The
    environment's CMDLINE goes before every command line, so that all tests can run with kpti=on, say."""

    def boot_once(
        append: str | None,
        *,
        entry: str = "both",
        fault: str = "",
        initramfs: str = "test",
        iso: str | Path = "",
        timeout: float = 120,
        on_line: Callable[..., object] | None = None,
        exit_device: bool = True,
        emulator: str = "qemu",
        **machine,
    ) -> Boot:
        folder = ROOT / "build" / (f"fault-{fault}" if fault else entry)
        image = Path(iso) if iso else folder / ("test.iso" if initramfs == "test" else "sallyport.iso")
        assert image.exists(), f"{image.relative_to(ROOT)} is not built"
        line = append and f"{os.environ.get('CMDLINE', '')} {append}".strip()
        if emulator == "bochs":
            result = bochs.run(bochs.Bochs(iso=str(image), append=line, **machine), timeout)
            return Boot(result.status, result.qemu_status, result.log)
        kind = runner.Machine if exit_device else NoExitDevice
        result = runner.run(
            kind(iso=str(image), append=line, **machine), timeout, on_line=on_line
        )
        return Boot(result.status, result.qemu_status, result.log)

    return boot_once


def newc(files: dict[str, bytes]) -> bytes:
    """A cpio archive, as `cpio -H newc` writes it: programs, and the folders they lie in."""

    def entry(name: str, mode: int, data: bytes, inode: int) -> bytes:
        fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        header = "070701" + "".join(f"{field:08x}" for field in fields) + name + "\0"
        return padded(header.encode()) + padded(data)

    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 4)

    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    entries = [(name, 0o040755, b"") for name in sorted(folders)]
    entries += [(name, 0o100755, data) for name, data in files.items()]
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(entry(*each, inode) for inode, each in enumerate(entries, 1))


def assemble(folder: Path, source: str, name: str = "program", *flags: str) -> Path:
    """A program without a libc, from its assembly."""
    (folder / f"{name}.asm").write_text(f"global _start\nsection .text\n{source}\n")
    for command in (
        ["nasm", "-f", "elf64", "-o", f"{name}.o", f"{name}.asm"],
        ["ld", "-static", "-z", "noexecstack", *flags, "-o", name, f"{name}.o"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder / name


# How an assembled program begins that wants three more threads, one for each other CPU of four: they go
# to `thread`, all on the stack that ends at `stack_end`.
THREE_THREADS = """
_start: mov r12d, 3
.more:  mov eax, 56 ; clone
        mov edi, 0x50f00 ; VM FS FILES SIGHAND THREAD SYSVSEM
        lea rsi, [rel stack_end]
        xor edx, edx
        xor r10d, r10d
        xor r8d, r8d
        syscall
        test eax, eax
        jz thread
        dec r12d
        jnz .more
"""


@pytest.fixture(scope="module")
def make_iso(tmp_path_factory) -> Callable[..., Path]:
    """make_iso(initramfs, entry="both", fault="", more=[]): an ISO with these bytes as its initramfs
    (None for none), and these files besides the kernel."""

    def make(
        initramfs: bytes | None, entry: str = "both", fault: str = "", more: list[Path] | None = None
    ) -> Path:
        folder = tmp_path_factory.mktemp("iso")
        cpio = "-"
        if initramfs is not None:
            (folder / "initramfs.cpio").write_bytes(initramfs)
            cpio = str(folder / "initramfs.cpio")
        kernel = f"build/{f'fault-{fault}' if fault else entry}/sallyport"
        command = ["tools/mkiso", folder / "odd.iso", entry, kernel, cpio, *(more or [])]
        environment = {"SOURCE_DATE_EPOCH": "0", "PATH": "/usr/bin:/bin"}
        subprocess.run(command, cwd=ROOT, check=True, env=environment)
        return folder / "odd.iso"

    return make


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """make as a user calls it, not as a part of the make that runs these tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=kept | environment, capture_output=True, text=True
    )
