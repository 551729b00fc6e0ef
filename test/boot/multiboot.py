"""What the loader says (Multiboot2 specification, 3.6): read from a machine that stands at kernel_main,
taken apart, and put together again."""

from __future__ import annotations

import struct

from kernelfile import Kernel

DIRECT_MAP = 0xFFFF800000000000
MODULE, MEMORY_MAP, FRAMEBUFFER = 3, 6, 8  # types of tags
USABLE, RESERVED, ACPI, NVS, BAD = 1, 2, 3, 4, 5  # of memory

Tag = tuple[int, bytes]  # type and contents
Range = tuple[int, int, int]  # base, size, type


def tags(information: bytes) -> list[Tag]:
    """All but the end tag."""
    found, at = [], 8
    while (kind := struct.unpack_from("<I", information, at)[0]) != 0:
        size = struct.unpack_from("<I", information, at + 4)[0]
        found.append((kind, information[at + 8 : at + size]))
        at += (size + 7) & ~7
    return found


def put_together(found: list[Tag]) -> bytes:
    body = b""
    for kind, data in [*found, (0, b"")]:
        body += struct.pack("<II", kind, 8 + len(data)) + data + bytes(-len(data) % 8)
    return struct.pack("<II", 8 + len(body), 0) + body


def contents(information: bytes, kind: int) -> bytes:
    """Of the first such tag."""
    return next(data for each, data in tags(information) if each == kind)


def memory_map(ranges: list[Range]) -> Tag:
    entries = b"".join(struct.pack("<QQII", *each, 0) for each in ranges)
    return MEMORY_MAP, struct.pack("<II", 24, 0) + entries


def ranges_of(information: bytes) -> list[Range]:
    data = contents(information, MEMORY_MAP)
    return [each[:3] for each in struct.iter_unpack("<QQII", data[8:])]


def read(gdb) -> tuple[int, bytes]:
    """Runs to kernel_main; the physical address of the information there, and all of it."""
    gdb.run_to(Kernel()["kernel_main"])
    at = gdb.registers()["rdi"]
    size = struct.unpack("<I", gdb.read(DIRECT_MAP + at, 4))[0]
    return at, gdb.read(DIRECT_MAP + at, size)


def replace(gdb, found: list[Tag], at: int) -> None:
    """Gives the kernel these tags instead, at this physical address."""
    gdb.write(DIRECT_MAP + at, put_together(found))
    gdb.set_register("rdi", at)
