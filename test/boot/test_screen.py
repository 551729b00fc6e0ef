"""The screen shows what the serial port says: read back from screendumps, glyph by glyph, in graphics
modes on UEFI and BIOS, and from text memory. In each the last lines of the log, as many as fit, must be
there, and nothing else."""

from __future__ import annotations

import gzip
import os
import re
import struct
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, TypeVar

import checks
import multiboot
import pytest
from conftest import ROOT, THREE_THREADS, NoExitDevice, assemble, newc, runner
from gdbstub import debugged
from kernelfile import Kernel

FONT = "/usr/share/consolefonts/Unifont-APL8x16.psf.gz"  # tools/mkiso
WIDTH, HEIGHT = 8, 16  # its glyphs
PATIENCE = 120  # seconds until the screen has caught up
ENDED = r"power: poweroff=off: halted"
SEEN = TypeVar("SEEN")


def gfx(mode: str, card: str = "VGA,vgamem_mb=64") -> list[str]:
    """grub.cfg's word for the mode, and a card with memory enough for any."""
    return ["-vga", "none", "-device", card, "-smbios", f"type=1,family=gfx={mode}"]


def glyphs() -> dict[tuple[bytes, ...], str]:
    """By their rows, a byte 0 or 1 a dot. In this font a glyph's number is its character's code."""
    with gzip.open(FONT) as file:
        data = file.read()
    assert data[:2] == b"\x36\x04" and data[3] == HEIGHT
    found = {}
    for code in range(0x20, 0x7F):
        rows = data[4 + code * HEIGHT : 4 + (code + 1) * HEIGHT]
        found[tuple(bytes(row >> 7 - x & 1 for x in range(WIDTH)) for row in rows)] = chr(code)
    assert len(found) == 95
    return found


GLYPHS = glyphs()
LIGHT = bytes(value > 0x50 for value in range(256))


def read_glyphs(rows: list[bytes], scale: int) -> list[str]:
    """The text in rows of dots, each `scale` wide and as high: what is no glyph becomes a ?, and so
    does a dot that is not of one colour."""
    lines = []
    cell = WIDTH * scale
    for top in range(0, len(rows) - HEIGHT * scale + 1, HEIGHT * scale):
        small = []
        for y in range(top, top + HEIGHT * scale, scale):
            dots = rows[y][::scale]
            same = all(rows[y + i][j::scale] == dots for i in range(scale) for j in range(scale))
            small.append(dots if same else bytes([2]) * len(dots))
        line = ""
        for x in range(len(rows[0]) // cell):
            line += GLYPHS.get(tuple(row[x * WIDTH : (x + 1) * WIDTH] for row in small), "\ufffd")
        lines.append(line.rstrip())
    while lines and not lines[-1]:
        lines.pop()
    return lines


def read_dump(dump: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and rows, a byte 0 or 1 a pixel, of a PPM; grey or nothing else."""
    header = re.match(rb"P6\n(\d+) (\d+)\n255\n", dump)
    assert header
    width, height = int(header[1]), int(header[2])
    pixels = dump[header.end() :]
    assert len(pixels) == width * height * 3
    red = pixels[::3].translate(LIGHT)
    assert red == pixels[1::3].translate(LIGHT) == pixels[2::3].translate(LIGHT)
    return width, height, [red[y * width : (y + 1) * width] for y in range(height)]


def wrapped(lines: list[str], columns: int) -> list[str]:
    return [line[i : i + columns] for line in lines for i in range(0, max(len(line), 1), columns)]


@dataclass
class Seen:
    size: tuple[int, int]
    rows: list[str]  # as the screen shows them
    said: list[str]  # by the serial port, from the kernel's first line on
    text_memory: bytes = b""


def watched(machine: runner.Machine, last: str, watch: Callable[..., SEEN]) -> SEEN:
    """Boots it, and gives what watch(qmp, said) does, which is called beside the running machine once the
    serial port has said the last line; `said` goes on growing. Then the machine is switched off."""
    said: list[str] = []
    watching: list[Future[SEEN]] = []

    def watch_and_end(qmp) -> SEEN:
        try:
            return watch(qmp, said)
        finally:
            qmp.execute("quit")

    def on_line(line: str, qmp) -> None:
        said.append(line.replace("\r", ""))
        if not watching and re.search(last, line):
            watching.append(pool.submit(watch_and_end, qmp))

    with ThreadPoolExecutor(1) as pool:
        result = runner.run(machine, 2 * PATIENCE, on_line=on_line)
    assert watching, f"never said: {last}\n{result.log}"
    return watching[0].result()


def look(tmp_path, last: str, scale: int, whole: bool = True, **machine) -> Seen:
    """Boots, and looks at the screen from the moment on when the serial port has said the last line:
    until that line is there too, and, if `whole`, all is as it should be; at most for PATIENCE."""

    def watch(qmp, said: list[str]) -> Seen:
        dump = tmp_path / "dump.ppm"
        deadline = time.monotonic() + PATIENCE
        while True:
            before = list(said)
            qmp.execute("screendump", filename=str(dump))
            width, height, dots = read_dump(dump.read_bytes())
            rows = read_glyphs(dots, scale)
            there = any(re.search(last, row) for row in rows)
            if there and (not whole or is_tail(rows, before, width // WIDTH // scale)):
                break
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        qmp.execute("pmemsave", val=0xB8000, size=0x8000, filename=str(tmp_path / "text"))
        text_memory = (tmp_path / "text").read_bytes()
        return Seen((width, height), rows, kernels_lines(before), text_memory)

    machine["extra"] = [*machine.get("extra", []), "-no-shutdown"]  # a power-off leaves the screen
    return watched(NoExitDevice(**machine), last, watch)


def kernels_lines(lines: list[str]) -> list[str]:
    start = next(i for i, line in enumerate(lines) if line.startswith("sallyport "))
    return lines[start:]


def is_tail(rows: list[str], said: list[str], columns: int) -> bool:
    return rows == [line.rstrip() for line in wrapped(said, columns)[-len(rows) :]]


def check_rows(seen: Seen, columns: int, rows: int) -> None:
    """The text moves up by an eighth of the rows at once."""
    said = wrapped(seen.said, columns)
    assert len(seen.rows) >= min(len(said), rows - rows // 8), "\n".join(seen.rows)
    assert len(seen.rows) <= rows
    assert is_tail(seen.rows, seen.said, columns), "\n".join(["seen:", *seen.rows, "said:", *said])


def line_of(pattern: str, lines: list[str]) -> str:
    found = [line for line in lines if re.search(pattern, line)]
    assert len(found) == 1, "\n".join([pattern, *lines])
    return found[0]


COMPARE = f"{os.environ.get('CMDLINE', '')} poweroff=off init=/bin/compare".strip()


def in_modes(usual: tuple[int, int, int], large: tuple[int, int, int]):
    """Width, height, and how many dots of the screen a dot of the font is wide."""
    modes = [usual, pytest.param(*large, marks=pytest.mark.large)]
    return pytest.mark.parametrize("width, height, scale", modes)


SMALL, LARGE = (1024, 768, 1), (3840, 2160, 3)


@in_modes(SMALL, large=LARGE)
def test_log_and_table_are_read_from_uefis_framebuffer(tmp_path, width, height, scale):
    seen = look(tmp_path, ENDED, scale, iso=str(ROOT / "build/both/test.iso"), append=COMPARE, smp=4,
                firmware="uefi", extra=gfx(f"{width}x{height}", "bochs-display,vgamem=64M"))  # fmt: skip
    assert seen.size == (width, height)
    assert seen.text_memory == bytes(0x8000), "on a card that has none"
    columns, rows = width // WIDTH // scale, height // HEIGHT // scale
    check_rows(seen, columns, rows)
    line_of(rf"boot: framebuffer {width}x{height}, 32 bits .*: {columns} columns, {rows} rows, "
            rf"font 8x16, scale {scale}$", seen.said)  # fmt: skip
    checks.compare_rows(seen.rows, 4)
    line_of("init: /bin/compare, ", seen.rows)


# Threads that write to the console all the time, and one that falls over the planted fault: most
# likely one of them is stopped in the middle of drawing.
WRITERS = THREE_THREADS + """
.yield: mov eax, 24 ; sched_yield, until they have written
        syscall
        cmp dword [rel written], 20
        jb .yield
        mov eax, 99 ; sysinfo: the fault
        lea rdi, [rel stack]
        syscall
thread: mov eax, 1
        mov edi, 1
        lea rsi, [rel text]
        mov edx, text_end - text
        syscall
        lock inc dword [rel written]
        jmp thread
section .rodata
text:   times 3 db "a line of a program that writes all the time and means nothing", 10
        db "unfinished " ; the panic begins a line nevertheless
text_end:
section .bss
written: resd 1
stack:  resb 4096
stack_end:
"""


@in_modes(LARGE, large=SMALL)
def test_panic_is_read_from_a_framebuffer_that_others_were_drawing_on(
    tmp_path, make_iso, width, height, scale
):
    program = assemble(tmp_path, WRITERS, "writers").read_bytes()
    iso = make_iso(newc({"bin/writers": program}), fault="wild_pointer")
    last = r"panic: +[0-9a-f]{16} door_syscall"
    seen = look(tmp_path, last, scale, False, iso=str(iso), append="init=/bin/writers", smp=4,
                firmware="uefi", extra=gfx(f"{width}x{height}"))  # fmt: skip
    assert seen.size == (width, height)
    first = next(i for i, line in enumerate(seen.said) if "panic: " in line)
    panic = [seen.said[first][seen.said[first].index("[") :], *seen.said[first + 1 :]]
    panic = [line for line in panic if "panic: " in line]  # and not what comes when it is over
    assert re.search(r"panic: CPU \d: page fault in ring 0 at 0xffffb00000000000", panic[0])
    assert len(panic) > 8
    at = seen.rows.index(panic[0])
    assert seen.rows[at : at + len(panic)] == panic
    assert [row for row in seen.rows if row.startswith("a line of a program")]


def test_refusal_before_the_kernels_page_tables_is_read_from_a_bios_framebuffer(tmp_path):
    seen = look(tmp_path, "power: ", 1, iso=str(ROOT / "build/both/test.iso"), append="nonsense", smp=1,
                extra=gfx("1024x768x16"))  # fmt: skip
    assert seen.size == (1024, 768)
    check_rows(seen, 128, 48)
    line_of("boot: framebuffer 1024x768, 16 bits a pixel", seen.rows)
    line_of("boot: command line: nonsense: ", seen.rows)


def test_text_mode_on_bios_shows_the_last_25_lines(tmp_path):
    cells, dump = tmp_path / "cells", tmp_path / "dump.ppm"

    def watch(qmp, said: list[str]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            expected = [*wrapped(kernels_lines(said), 80)[-24:], ""]
            qmp.execute("pmemsave", val=0xB8000, size=0x8000, filename=str(cells))
            qmp.execute("screendump", filename=str(dump))
            try:
                return check_text_mode(cells.read_bytes(), dump.read_bytes(), expected)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    machine = NoExitDevice(iso=str(ROOT / "build/both/test.iso"), append=COMPARE, smp=4)
    watched(machine, ENDED, watch)


def check_text_mode(cells: bytes, dump: bytes, expected: list[str]) -> None:
    """The dump must agree with text memory: to one character belongs one picture, to another
    another. The cursor's cell is left out."""
    text = cells[::2].decode("cp437")
    rows = [text[i : i + 80].rstrip() for i in range(0, len(text) - 79, 80)]
    tops = [i for i in range(len(rows) - 24) if rows[i : i + 25] == expected]
    assert tops, "\n".join(["expected:", *expected, "in text memory:", *rows])
    width, height, dots = read_dump(dump)
    assert (width, height) == (720, 400)
    pictures: dict[str, set[bytes]] = {}
    for row, line in enumerate(expected[:-1]):
        for column, character in enumerate(line.ljust(80)):
            part = [dots[row * 16 + y][column * 9 : column * 9 + 9] for y in range(16)]
            pictures.setdefault(character, set()).add(b"".join(part))
    assert len(pictures) > 40
    assert all(len(each) == 1 for each in pictures.values())
    assert len(set.union(*pictures.values())) == len(pictures)


def framebuffer_moved(found: list[multiboot.Tag], address: int) -> list[multiboot.Tag]:
    (old,) = [data for kind, data in found if kind == multiboot.FRAMEBUFFER]
    new = struct.pack("<Q", address) + old[8:]
    return [(kind, new if kind == multiboot.FRAMEBUFFER else data) for kind, data in found]


def test_framebuffer_beyond_4_gib_shows_what_was_said_before_it_was_mapped(tmp_path):
    """Memory above 4 GiB is made a framebuffer by what the loader says; it is then read from there."""
    picture = tmp_path / "picture"
    machine = runner.Machine(iso=str(ROOT / "build/both/test.iso"), append="init=/test/exit_42", smp=2,
                             mem="3G", extra=gfx("1024x768"))  # fmt: skip
    with debugged(tmp_path, machine) as session:
        gdb = session.gdb
        at, information = multiboot.read(gdb)
        ranges = multiboot.ranges_of(information)
        (high,) = [each for each in ranges if each[0] == 1 << 32 and each[2] == multiboot.USABLE]
        ranges[ranges.index(high)] = (*high[:2], multiboot.RESERVED)
        found = [each for each in multiboot.tags(information) if each[0] != multiboot.MEMORY_MAP]
        found = framebuffer_moved([*found, multiboot.memory_map(ranges)], 1 << 32)
        multiboot.replace(gdb, found, at)
        gdb.run_to(Kernel()["power_off"])
        session.qmp.execute("pmemsave", val=1 << 32, size=1024 * 768 * 4, filename=str(picture))
        done = session.end().check(42)
    pixels = picture.read_bytes()
    assert pixels[::4] == pixels[1::4] == pixels[2::4]
    dots = pixels[::4].translate(LIGHT)
    rows = read_glyphs([dots[y * 1024 : (y + 1) * 1024] for y in range(768)], 1)
    check_rows(Seen((1024, 768), rows, kernels_lines(done.lines)), 128, 48)
    line_of("at 0x100000000: 128 columns, 48 rows", rows)


def test_framebuffer_that_lies_in_memory_is_named_and_serial_goes_on_alone(tmp_path):
    machine = runner.Machine(iso=str(ROOT / "build/both/test.iso"), append="init=/test/exit_42", smp=2,
                             extra=gfx("1024x768"))  # fmt: skip
    with debugged(tmp_path, machine) as session:
        gdb = session.gdb
        at, information = multiboot.read(gdb)
        multiboot.replace(gdb, framebuffer_moved(multiboot.tags(information), 0x8000000), at)
        done = session.end().check(42)
    done.one(r"boot: framebuffer 1024x768, 32 bits a pixel at 0x8000000: in memory: not used$")
    assert len(done.find("framebuffer")) == 1
