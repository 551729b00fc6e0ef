"""A machine under QEMU's gdb stub: stop it at an instruction, look, change, step, go on. Speaks GDB's
remote protocol (GDB manual, appendix E), of it the few packets that this takes."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Iterator

from conftest import Boot, runner

NAMES = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"]
NAMES += [f"r{n}" for n in range(8, 16)] + ["rip", "rflags", "fs_base", "gs_base"]
LAYOUT = "<17QI24x2Q"  # as QEMU's stub sends them; the gap is the selectors
PATIENCE = 60  # seconds for whatever is awaited
PIECE = 1024  # bytes that QEMU takes in a packet, or sends


class Gdb:
    """One CPU is looked at: the one that stopped last."""

    def __init__(self, path: Path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        for _ in range(500):  # there, but perhaps not listening yet
            with contextlib.suppress(ConnectionRefusedError):
                self.socket.connect(str(path))
                break
            time.sleep(0.02)
        self.buffer = b""
        self.thread = ""
        self.stopped(self.ask("?"))

    def send(self, packet: str) -> None:
        self.socket.sendall(f"${packet}#{sum(packet.encode()) % 256:02x}".encode())

    def ask(self, packet: str) -> str:
        self.send(packet)
        return self.answer()

    def answer(self) -> str:
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start)
            if start >= 0 and 0 <= end <= len(self.buffer) - 3:
                packet, self.buffer = self.buffer[start + 1 : end], self.buffer[end + 3 :]
                self.socket.sendall(b"+")
                return packet.decode()
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise AssertionError("the machine has not stopped") from None
            except ConnectionError:
                data = b""
            assert data, "the machine has ended"
            self.buffer += data

    def stopped(self, packet: str) -> None:
        assert packet.startswith("T05"), f"the machine has ended or stopped otherwise: {packet}"
        fields = dict(field.split(":") for field in packet[3:].split(";") if ":" in field)
        self.thread = fields["thread"]
        assert self.ask("Hg" + self.thread) == "OK"

    def registers(self) -> dict[str, int]:
        data = bytes.fromhex(self.ask("g"))
        return dict(zip(NAMES, struct.unpack_from(LAYOUT, data)))

    def set_register(self, name: str, value: int) -> None:
        """One of the first 17: from rax to rip. What comes behind it is not sent back: out of 64-bit mode
        QEMU reads other sizes there than it wrote, and would change CR4."""
        at = 8 * NAMES[:17].index(name)
        data = bytearray.fromhex(self.ask("g"))[: at + 8]
        struct.pack_into("<Q", data, at, value)
        assert self.ask("G" + data.hex()) == "OK"

    def set_flags(self, value: int) -> None:
        """Of rflags, in 64-bit mode."""
        data = bytes.fromhex(self.ask("g"))[: 8 * NAMES.index("rflags")]
        assert self.ask("G" + (data + struct.pack("<I", value)).hex()) == "OK"

    def read(self, address: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            at, piece = address + len(data), min(PIECE, size - len(data))
            answer = self.ask(f"m{at:x},{piece:x}")
            assert not answer.startswith("E"), f"cannot read {at:#x}"
            data += bytes.fromhex(answer)
        return data

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def write(self, address: int, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            assert self.ask(f"M{address + at:x},{len(piece):x}:{piece.hex()}") == "OK"

    def step(self) -> None:
        """One instruction of this CPU, without interrupts; the others stand still."""
        self.stopped(self.ask(f"vCont;s:{self.thread}"))

    def threads(self) -> list[str]:
        """The CPUs, in their order, as `thread` names them."""
        found, answer = [], self.ask("qfThreadInfo")
        while answer.startswith("m"):
            found += answer[1:].split(",")
            answer = self.ask("qsThreadInfo")
        assert found and answer == "l"
        return found

    def go_on(self) -> None:
        """Without waiting for a stop."""
        self.send("vCont;c")

    def run_to_any(self, *addresses: int, alone: str = "") -> int:
        """Until some CPU is about to execute what lies at one of them, which is given back; only the CPU
        `alone` runs, if there is one."""
        for address in addresses:
            assert self.ask(f"Z1,{address:x},1") == "OK"
        self.stopped(self.ask("vCont;c" + (f":{alone}" if alone else "")))
        for address in addresses:
            assert self.ask(f"z1,{address:x},1") == "OK"
        return self.registers()["rip"]

    def run_to(self, address: int, segment: int = 0, alone: str = "") -> None:
        """The same with one address; in real mode, with its segment's base."""
        assert self.run_to_any(address, alone=alone) == address - segment


class Session:
    def __init__(self, gdb: Gdb, qmp, qemu: subprocess.Popen, log: Path):
        self.gdb, self.qmp, self.qemu, self.log = gdb, qmp, qemu, log

    def end(self, until: str = "") -> Boot:
        """Lets the machine run to its end; or, where it stays on, until its log has that in it."""
        self.gdb.go_on()
        deadline = time.monotonic() + PATIENCE
        while until and until not in self.log.read_text(errors="replace"):
            assert time.monotonic() < deadline, f"no {until!r}"
            time.sleep(0.02)
        if until:
            self.qmp.execute("quit")
        status = self.qemu.wait(PATIENCE)
        text = self.log.read_text(errors="replace")
        return Boot(runner.status_of(status, text), status, text)


@contextlib.contextmanager
def debugged(folder: Path, machine) -> Iterator[Session]:
    """The machine, stopped before its first instruction. Its log is empty if it has no serial port."""
    command = [*runner.TIED, *machine.command()]
    if "stdio" in command:
        command[command.index("stdio")] = f"file:{folder}/log"
    command += ["-S", "-gdb", f"unix:{folder}/gdb,server=on,wait=off"]
    command += ["-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
    (folder / "log").touch()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as qemu:
        try:
            for name in ("gdb", "qmp"):
                deadline = time.monotonic() + PATIENCE
                while not os.path.exists(folder / name):
                    assert qemu.poll() is None and time.monotonic() < deadline, "no QEMU"
                    time.sleep(0.02)
            yield Session(Gdb(folder / "gdb"), runner.Qmp(f"{folder}/qmp"), qemu, folder / "log")
        finally:
            qemu.kill()
