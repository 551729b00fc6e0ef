"""What the kernel's ELF file tells: where functions lie, their instructions, where a struct's members
are."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import capstone
from conftest import ROOT


def decoder() -> capstone.Cs:
    cs = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    cs.detail = True
    return cs


@functools.cache
def symbols(elf: Path) -> dict[str, int]:
    lines = subprocess.run(["nm", elf], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1]: int(line[:16], 16) for line in lines.splitlines() if line[0] != " "}


class Kernel:
    def __init__(self, entry: str = "both", fault: str = ""):
        self.elf = ROOT / "build" / (f"fault-{fault}" if fault else entry) / "kernel.elf"

    def __getitem__(self, name: str) -> int:
        return symbols(self.elf)[name]

    def gdb(self, command: str) -> str:
        done = subprocess.run(
            ["gdb", "-batch", "-nx", "-ex", command, self.elf],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def offset(self, struct: str, member: str) -> int:
        return int(self.gdb(f"print (long)&((struct {struct} *)0)->{member}").split()[-1])

    def code(self, function: str) -> list[capstone.CsInsn]:
        """A function in assembly, to its last instruction; labels that begin with its name are in
        its middle, unless a number follows: then it is a door's next variant."""
        start = self[function]
        inside = re.compile(rf"{function}(?!_\d+$)")
        end = min(
            address
            for name, address in symbols(self.elf).items()
            if address > start and "." not in name and not inside.match(name)
        )
        words = self.gdb(f"x/{end - start}xb {start:#x}")
        data = bytes(int(byte, 16) for byte in re.findall(r"\t0x([0-9a-f]{2})\b", words))
        assert len(data) == end - start
        code = list(decoder().disasm(data, start))
        while code[-1].mnemonic == "nop":  # alignment of what follows
            code.pop()
        return code
