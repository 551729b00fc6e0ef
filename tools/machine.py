"""QEMU as the machine that a Sallyport ISO boots in, and what its end means. tools/run is the command;
the boot tests and the measurements import Machine and run(). Bochs is in bochs.py."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, TextIO

QEMU = "qemu-system-x86_64"
# isa-debug-exit ends QEMU with (value << 1) | 1; src/dev/power.c writes these values.
PASSED, FAILED, PANICKED = 0x10 << 1 | 1, 0x11 << 1 | 1, 0x12 << 1 | 1
STATUS_LINE = re.compile(r"^\[ *\d+\.\d+\] power: off, status (\d+)\r?$")
# CPU models name more than the emulator has; and that it was told to end is no news.
NOISE = re.compile(
    r"warning: TCG doesn't support requested feature|terminating on signal (2|15) "
    r"|icount sleep disabled and no active timers"
)
# A KVM that cannot run the guest on stops its CPUs, and QEMU stays there for ever.
BROKEN = "KVM internal error"
TIED = ["setpriv", "--pdeathsig", "TERM"]  # an emulator does not outlive this process, however it ends
# UEFI for QEMU, and the variables it begins with; Debian has had two sizes of it.
OVMF = Path("/usr/share/OVMF")
OVMF_PAIRS = [("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd")]

MEANINGS = {
    97: "the emulator could not start, or could not go on",
    98: "the machine went off without a verdict: a triple fault, or a power-off by hand",
    99: "the kernel panicked",
    125: "the kernel ran no program; its log says why",
}


def ovmf() -> tuple[Path, Path]:
    """UEFI's code and variables; the first pair that is there."""
    pairs = [(OVMF / code, OVMF / variables) for code, variables in OVMF_PAIRS]
    return next((pair for pair in pairs if all(file.exists() for file in pair)), pairs[0])


@dataclass
class Machine:
    """One virtual machine and what it boots; `append` None shows the ISO's menu instead. With
    `kernel` it boots that and `initrd`, as Linux wants them, in the ISO's place."""

    iso: str = "build/both/sallyport.iso"
    kernel: str = ""
    initrd: str = ""
    append: str | None = None
    smp: int | str = 4
    mem: str = "512M"
    accel: str = "tcg"
    cpu: str = ""
    machine: str = "q35"
    firmware: str = "bios"  # or uefi
    icount: bool = False
    record: str = ""  # the file that gets what comes over the second serial port
    madt: str = ""  # /boot/NAME.aml of the ISO replaces the machine's MADT
    extra: list[str] = field(default_factory=list)

    def missing(self) -> str | None:
        """What this machine cannot be without and is not installed."""
        if not shutil.which(QEMU):
            return QEMU
        files = ovmf() if self.firmware == "uefi" else ()
        return next((str(file) for file in files if not file.exists()), None)

    def command(self) -> list[str]:
        cpu = self.cpu or ("host" if self.accel == "kvm" else "max")
        command = [QEMU, "-nodefaults", "-no-reboot", "-display", "none"]
        command += ["-machine", self.machine, "-accel", self.accel, "-cpu", cpu]
        command += ["-smp", str(self.smp), "-m", self.mem, "-vga", "std", "-serial", "stdio"]
        if self.record:
            command += ["-serial", f"file:{self.record}"]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        if self.firmware == "uefi":
            # Two flash chips; what it writes into the second is forgotten with the machine.
            code, variables = ovmf()
            flash = "if=pflash,format=raw"
            command += ["-drive", f"{flash},unit=0,readonly=on,file={code}"]
            command += ["-drive", f"{flash},unit=1,snapshot=on,file={variables}"]
        if self.icount:  # one guest instruction is one tick of the TSC
            command += ["-icount", "shift=0,sleep=off"]
        if self.kernel:
            command += ["-kernel", self.kernel, "-initrd", self.initrd]
            return command + ["-append", self.append or "", *self.extra]
        command += ["-cdrom", self.iso, "-boot", "d"]
        if self.append is not None:
            # Each word in quotes, for grub.cfg gives the line to GRUB's `eval`; a comma twice,
            # for QEMU.
            words = " ".join(shlex.quote(word) for word in shlex.split(self.append))
            command += ["-smbios", "type=11,value=" + f"sallyport:{words}".replace(",", ",,")]
        if self.madt:
            command += ["-smbios", f"type=1,sku={self.madt}"]
        return command + self.extra


@dataclass
class Result:
    status: int  # what the command would end with
    log: str  # all that came over the serial port
    qemu_status: int | None  # the emulator's; None: the timeout ended it
    programs: bool = False  # whether the status is the program's own

    @property
    def lines(self) -> list[str]:
        return self.log.replace("\r", "").splitlines()


def status_of(qemu_status: int, log: str) -> int:
    """The verdict is QEMU's exit status, which no program can forge; the kernel's last line only
    says how a program failed, and it is printed after the last program has ended."""
    if qemu_status == PANICKED:
        return 99
    if qemu_status not in (PASSED, FAILED):
        return 98 if qemu_status == 0 else 97
    last = log.replace("\r", "").rstrip("\n").rpartition("\n")[2]
    match = STATUS_LINE.match(last)
    if qemu_status == PASSED:
        return 0 if match is None or match[1] == "0" else 98
    return int(match[1]) if match and 0 < int(match[1]) < 256 else 125


class Qmp:
    """Commands to a running QEMU, such as inject-nmi; connects with the first one."""

    def __init__(self, path: str):
        self.path = path
        self.pid = 0  # QEMU's
        self.file: TextIO | None = None

    def execute(self, command: str, **arguments: object) -> object:
        if self.file is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(60)
            connection.connect(self.path)
            self.file = connection.makefile("rw")
            self.file.readline()  # the greeting
            self.execute("qmp_capabilities")
        with contextlib.suppress(ConnectionError):
            self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.file.flush()
            for line in self.file:  # events may come before the answer
                answer = json.loads(line)
                if "error" in answer:
                    raise RuntimeError(f"{command}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
        raise RuntimeError(f"{command}: QEMU ended")


class Refused(Exception):
    """What was asked for is no machine; the message says why."""


class TimedOut(Exception):
    """The machine was not at its end in time."""


def end_process(process: subprocess.Popen) -> None:
    """Asks it to end, and sees to it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def arrivals(port: int, timeout: float) -> Iterator[bytes]:
    """What can be read from `port` until its end, as it comes; b"" in each second in which nothing
    does. TimedOut after `timeout` seconds (0: never)."""
    deadline = time.monotonic() + timeout if timeout else float("inf")
    with selectors.DefaultSelector() as selector:
        selector.register(port, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(min(left, 1)):
                yield b""
            elif data := os.read(port, 65536):
                yield data
            else:
                return
    raise TimedOut


def run(
    machine: Machine,
    timeout: float = 300,
    sink: Callable[[bytes], object] | None = None,
    on_line: Callable[[str, Qmp], object] | None = None,
) -> Result:
    """Boots it and waits for its end, at most `timeout` seconds (0: for ever). `sink` gets the
    serial output as it comes; `on_line` gets every whole line, with a way to talk to QEMU."""
    folder = tempfile.TemporaryDirectory(prefix="sallyport-")
    command = [*TIED, *machine.command()]
    if on_line:
        command += ["-qmp", f"unix:{folder.name}/qmp,server=on,wait=off"]
    stdin = None if sink and sys.stdin.isatty() else subprocess.DEVNULL
    log = bytearray()
    qmp = Qmp(f"{folder.name}/qmp")
    seen = 0
    with (
        folder,
        open(f"{folder.name}/errors", "w+", encoding="utf-8") as errors,
        subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors) as qemu,
    ):
        assert qemu.stdout
        qmp.pid = qemu.pid
        try:
            for data in arrivals(qemu.stdout.fileno(), timeout):
                if not data and BROKEN in Path(errors.name).read_text(errors="replace"):
                    return Result(97, log.decode(errors="replace"), 1)
                log += data
                if sink:
                    sink(data)
                while on_line and (end := log.find(b"\n", seen)) >= 0:
                    on_line(log[seen:end].decode(errors="replace").rstrip("\r"), qmp)
                    seen = end + 1
            qemu_status = qemu.wait(10)
        except TimedOut:
            return Result(124, log.decode(errors="replace"), None)
        finally:
            end_process(qemu)  # QEMU gives the terminal back its settings
            errors.seek(0)
            text, broken, _ = errors.read().partition(BROKEN)  # and then every register, CPU by CPU
            lines = [*text.splitlines(), *[broken] * bool(broken)]
            sys.stderr.writelines(line + "\n" for line in lines if not NOISE.search(line))
    text = log.decode(errors="replace")
    status = status_of(qemu_status, text)
    programs = status == 0 or qemu_status == FAILED and status != 125
    return Result(status, text, qemu_status, programs)


def debug(machine: Machine, gdb: list[str], kernel: str, serial_log: str) -> int:
    """QEMU stopped before its first instruction, gdb attached with the kernel's symbols."""
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
        command = machine.command()
        command[command.index("stdio")] = f"file:{serial_log}"
        command += ["-S", "-gdb", f"unix:{folder}/gdb,server=on,wait=off"]
        print(f"serial port: {serial_log}; stopped before the first instruction", flush=True)
        # A process group of its own, so that Ctrl-C in gdb does not end QEMU.
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0) as qemu:
            try:
                while not os.path.exists(f"{folder}/gdb"):
                    if qemu.poll() is not None:
                        return 97
                    time.sleep(0.02)
                attach = ["-ex", "set confirm off", "-ex", f"target remote {folder}/gdb"]
                return subprocess.call(["gdb", "-q", kernel, *attach, *gdb])
            finally:
                qemu.terminate()
