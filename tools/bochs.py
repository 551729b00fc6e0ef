"""Bochs as the machine that a Sallyport ISO boots in: a second opinion, with x2APIC and with CPU
models that QEMU's emulation lacks. Debian builds it with its debugger and for a display, and it has no
SMBIOS strings; so it gets a word to go on, a display that nobody sees, and an ISO with the command line
in its menu."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

from machine import STATUS_LINE, TIED, Refused, Result, TimedOut, arrivals, end_process

ROM = "/usr/share/bochs/BIOS-bochs-latest"
VGA_ROM = "/usr/share/bochs/VGABIOS-lgpl-latest"
CPU = "corei7_haswell_4770"
# Instructions in a guest's second. Few make sleeps short; the kernel's own waits must still be long
# enough for what they wait for.
IPS = 4_000_000
QUANTUM = 16  # instructions that a CPU runs before it is the next one's turn
SCREEN = "1024x768x24"
SILENCE = 10  # seconds without a word, after its last one, until a machine counts as halted

SETTINGS = """
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1
config_interface: textconfig
display_library: x
memory: guest={memory}, host={memory}
romimage: file={rom}
vgaromimage: file={vga_rom}
pci: enabled=1, chipset=i440fx
cpu: model={cpu}, count={smp}, ips={ips}, quantum={quantum}
cpu: reset_on_triple_fault=0, ignore_bad_msrs=0
clock: sync=none, time0=utc
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={folder}/boot.iso, status=inserted
boot: cdrom
log: {folder}/log
debug: action=ignore
info: action=ignore
error: action=report
panic: action=fatal
com1: enabled=1, mode=file, dev=/proc/self/fd/{serial}
mouse: enabled=0
"""
POWER_OFF = "ACPI control: soft power off"  # its debugger calls that a panic, too
HALTED = "The machine is halted: it is now safe to switch off."
PANIC = re.compile(r"^\[ *\d+\.\d+\] (power: )?panic: ")
# What goes wrong before the command line is read finds a machine that waits to be read; nobody will.
WAITS = re.compile(r"^\[ *\d+\.\d+\] power: status ([1-9]\d*): press a key")


@dataclass
class Bochs:
    """One virtual machine and what it boots, as machine.Machine is; `append` None shows the menu."""

    iso: str = "build/both/sallyport.iso"
    append: str | None = None
    smp: int | str = 4
    mem: str = "512M"
    cpu: str = ""
    madt: str = ""

    def missing(self) -> str | None:
        """What this machine cannot be without and is not installed."""
        commands = [name for name in ("bochs", "Xvfb", "xorriso") if not shutil.which(name)]
        files = [name for name in (ROM, VGA_ROM) if not Path(name).exists()]
        return next(iter(commands + files), None)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[1-9]\d*", str(self.smp)):
            raise Refused(f"with Bochs the number of CPUs is a number, not {self.smp}")
        if not re.fullmatch(r"[1-9]\d*[MG]?", self.mem):
            raise Refused(f"with Bochs memory is in M or G, not {self.mem}")

    def settings(self, folder: str, serial: int) -> str:
        """Its bochsrc; the first serial port goes to the file descriptor."""
        memory = int(self.mem.rstrip("MG")) << (10 if self.mem.endswith("G") else 0)
        cpu = self.cpu or CPU
        return SETTINGS.strip().format(
            memory=memory, cpu=cpu, smp=self.smp, ips=IPS,
            quantum=QUANTUM, folder=folder, serial=serial, rom=ROM, vga_rom=VGA_ROM,
        )  # fmt: skip

    def menu(self, grub_cfg: str) -> str:
        """grub.cfg with what it would ask of SMBIOS written in. A real machine stays on at the end, as
        this one looks to the kernel; what the user says of it comes later, and counts."""
        if self.append is None:
            return grub_cfg
        words = " ".join(shlex.quote(word) for word in shlex.split(f"poweroff=on {self.append}"))
        for variable, value in {"oem": f"sallyport:{words}", "madt": self.madt}.items():
            setting = f"set {variable}={shlex.quote(value)}"
            grub_cfg, count = re.subn(
                rf"^( *)smbios .*--set={variable}$", lambda found: found[1] + setting, grub_cfg,
                flags=re.MULTILINE,
            )  # fmt: skip
            if count != 1:
                raise Refused(f"{self.iso}: its menu asks for {variable} in {count} places, not in one")
        return grub_cfg

    def write_iso(self, folder: str) -> None:
        """Its ISO, with that grub.cfg, as boot.iso in the folder."""
        inside = "/boot/grub/grub.cfg"
        file = Path(folder) / "grub.cfg"
        command = ["xorriso", "-report_about", "WARNING", "-osirrox", "on"]
        extract = [*command, "-indev", self.iso, "-extract", inside, file]
        self.xorriso(extract)
        text = self.menu(file.read_text(encoding="utf-8"))
        file.unlink()
        file.write_text(text, encoding="utf-8")
        image = [*command, "-indev", self.iso, "-outdev", f"{folder}/boot.iso"]
        replace = [*image, "-boot_image", "any", "replay", "-map", file, inside]
        self.xorriso(replace)

    def xorriso(self, command: list[str | Path]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            raise Refused(f"{self.iso}: {done.stderr.strip()}")


def last_line(log: str) -> str:
    """Of what the kernel said, before it said that it halts."""
    lines = [line for line in log.replace("\r", "").splitlines() if line != HALTED]
    return lines[-1] if lines else ""


def status_of(cause: str, log: str) -> tuple[int, bool]:
    """The status, and whether it is the program's. Bochs's exit status says nothing. The verdict is
    the kernel's last line, printed after the last program has ended, if `cause` is that the machine
    then went off. Without a cause it is silent: a failure is believed then, and no success, which a
    program that hangs could have printed."""
    if cause in ("", POWER_OFF):
        match = STATUS_LINE.match(last_line(log)) or WAITS.match(last_line(log))
        if match and int(match[1]) < 256 and (cause or match[1] != "0"):
            return int(match[1]), True
        if any(PANIC.match(line) for line in log.splitlines()):
            return 99, False
    return (98 if log else 97), False


def is_over(log: str) -> bool:
    """Whether the kernel has said its last word: then a silent machine is one that halts."""
    return any(pattern.match(last_line(log)) for pattern in (STATUS_LINE, PANIC, WAITS))


def last_words(folder: str) -> str:
    """Why Bochs ended: what it logged as a panic, or said before it had a log."""
    for name in ("log", "output"):
        path = Path(folder) / name
        text = path.read_text(errors="replace") if path.exists() else ""
        if found := re.findall(r">>PANIC<< (.*)", text):
            return found[-1]
    return ""


@contextlib.contextmanager
def display(folder: str) -> Iterator[str]:
    """The name of an X display that nobody sees, in a free place."""
    read_end, write_end = os.pipe()
    command = [*TIED, "Xvfb", "-displayfd", str(write_end), "-nolisten", "tcp", "-screen", "0", SCREEN]
    with (
        open(read_end, encoding="ascii") as answer,
        open(f"{folder}/display", "w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, pass_fds=[write_end]
        ) as server,
    ):
        os.close(write_end)
        try:
            number = answer.readline().strip()
            if not number:
                raise Refused(f"Xvfb did not start: {Path(errors.name).read_text().strip()}")
            yield f":{number}"
        finally:
            end_process(server)


def run(
    machine: Bochs, timeout: float = 300, sink: Callable[[bytes], object] | None = None
) -> Result:
    """As machine.run, without a way to talk to the machine while it runs."""
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
        machine.write_iso(folder)
        port, serial = os.pipe()
        Path(folder, "bochsrc").write_text(machine.settings(folder, serial), encoding="utf-8")
        Path(folder, "go").write_text("c\n", encoding="ascii")
        command = [*TIED, "bochs", "-q", "-f", f"{folder}/bochsrc", "-rc", f"{folder}/go"]
        with (
            open(port, "rb"),
            open(f"{folder}/output", "w", encoding="utf-8") as output,
            display(folder) as name,
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=os.environ | {"DISPLAY": name}, pass_fds=[serial],
            ) as bochs,
        ):  # fmt: skip
            os.close(serial)
            log = bytearray()
            silent = 0  # seconds
            try:
                for data in arrivals(port, timeout):
                    silent = 0 if data else silent + 1
                    if silent >= SILENCE and is_over(log.decode(errors="replace")):
                        break
                    log += data
                    if sink:
                        sink(data)
                else:
                    bochs.wait(10)
            except TimedOut:
                return Result(124, log.decode(errors="replace"), None)
            finally:
                end_process(bochs)
        text, cause = log.decode(errors="replace"), last_words(folder)
        status, programs = status_of(cause, text)
        if cause not in ("", POWER_OFF):
            print(f"bochs: {cause}", file=sys.stderr)
        return Result(status, text, bochs.returncode, programs)
