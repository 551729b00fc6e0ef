"""ACPI tables: put together, and planted in a machine's memory, through the debugger, where its kernel is
about to look at them."""

from __future__ import annotations

import contextlib
import struct
from typing import Callable, Iterator

from kernelfile import Kernel
from multiboot import DIRECT_MAP

HEADER_SIZE = 36
FADT_DSDT = 40


def summed(data: bytes, at: int, length: int = 0) -> bytes:
    """With byte `at` such that the first `length` bytes, or all, add up to 0."""
    found = bytearray(data)
    found[at] = (found[at] - sum(found[: length or len(found)])) % 256
    return bytes(found)


def table(signature: str, body: bytes) -> bytes:
    head = struct.pack("<4sIBB6s8sI4sI", signature.encode(), HEADER_SIZE + len(body), 1, 0, b"SALLY ",
                       b"ODD     ", 1, b"TEST", 1)  # fmt: skip
    return summed(head + body, 9)


def xsdt(*addresses: int) -> bytes:
    return table("XSDT", struct.pack(f"<{len(addresses)}Q", *addresses))


def root_pointer(rsdt: int, xsdt_at: int) -> bytes:
    """Of ACPI 2.0, with both checksums."""
    pointer = struct.pack("<8sB6sBIIQI", b"RSD PTR ", 0, b"SALLY ", 2, rsdt, 36, xsdt_at, 0)
    return summed(summed(pointer, 8, 20), 32)


class Firmware:
    """Runs a machine to where the kernel looks for its tables. `rsdt` is the root table's address,
    `tables` those that it leads to, by their names; all addresses are physical."""

    def __init__(self, gdb):
        self.gdb, kernel = gdb, Kernel()
        gdb.run_to(kernel["acpi_init"])
        info = gdb.registers()["rdi"]
        self.pointer = info + kernel.offset("boot_info", "rsdp")
        self.length = info + kernel.offset("boot_info", "rsdp_length")
        self.rsdt = struct.unpack("<I", gdb.read(gdb.word(self.pointer) + 16, 4))[0]
        with self.physical():
            root = self.table(self.rsdt)
            entries = struct.unpack(f"<{(len(root) - HEADER_SIZE) // 4}I", root[HEADER_SIZE:])
            self.tables = {gdb.read(entry, 4).decode(): entry for entry in entries}
            fadt = self.table(self.tables["FACP"])
            self.tables["DSDT"] = struct.unpack_from("<I", fadt, FADT_DSDT)[0]

    @contextlib.contextmanager
    def physical(self) -> Iterator[None]:
        """The debugger's addresses are physical ones meanwhile."""
        assert self.gdb.ask("Qqemu.PhyMemMode:1") == "OK"
        yield
        assert self.gdb.ask("Qqemu.PhyMemMode:0") == "OK"

    def table(self, address: int) -> bytearray:
        size = struct.unpack("<I", self.gdb.read(address + 4, 4))[0]
        return bytearray(self.gdb.read(address, size))

    def write(self, address: int, changed: bytearray) -> None:
        """With the length and the checksum that are right for it."""
        struct.pack_into("<I", changed, 4, len(changed))
        self.gdb.write(address, summed(bytes(changed), 9))

    def change(self, signature: str, change: Callable[[bytearray], object], room: int) -> None:
        """What has grown moves to `room`, an address of memory that is nobody's."""
        with self.physical():
            address = self.tables[signature]
            changed = self.table(address)
            size = len(changed)
            change(changed)
            if len(changed) > size:
                root = self.table(self.rsdt)
                at = root.index(struct.pack("<I", address), HEADER_SIZE)
                struct.pack_into("<I", root, at, room)
                self.write(self.rsdt, root)
                address = room
            self.write(address, changed)

    def plant(self, pointer: bytes, at: int, others: dict[int, bytes]) -> None:
        """A root pointer at an address of memory that the kernel maps, and tables where they belong."""
        with self.physical():
            for address, data in {at: pointer, **others}.items():
                self.gdb.write(address, data)
        self.gdb.write(self.pointer, struct.pack("<Q", DIRECT_MAP + at))
        self.gdb.write(self.length, struct.pack("<Q", len(pointer)))
