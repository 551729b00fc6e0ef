"""Mitigations: what the command line and the CPU make of them, what they cost to the instruction, and
that ring 3's page tables really lack the kernel."""

from __future__ import annotations

import re
import struct

import checks
import pytest
from conftest import assemble, newc, runner
from gdbstub import debugged
from kernelfile import Kernel, symbols

DEFAULT = {
    "smap": "on", "index_mask": "on", "swapgs_fence": "on", "clear_regs": "off", "ibrs": "absent",
    "ibpb": "absent", "kpti": "off", "pcid": "absent",
}  # fmt: skip
CPU_COUNT = 2
PAGE, STRIDE, BLOCK = 4096, 32 * 4096, 30 * 4096
PER_CPU_BASE = 0xFFFFC00000000000

# Alone in its loop, so that a debugger can stop it in ring 3.
LOOP = """
_start: mov eax, 39
at_int: int 0x80
        mov eax, 39
at_syscall:
        syscall
at_fault:
        mov dword [rel stop], 0
again:  cmp dword [rel stop], 0
        je again
        mov eax, 231
        xor edi, edi
        int 0x80
section .data
stop:   dd 0
"""


@pytest.fixture(autouse=True)
def as_the_test_says(monkeypatch):
    monkeypatch.delenv("CMDLINE", raising=False)


def in_force(done) -> dict[str, str]:
    return dict(word.split("=") for word in done.one(r"cpu: +mitigations: (.*)")[1].split())


@pytest.mark.parametrize(
    "words, cpu, differs",
    [
        ("", "max", {}),
        ("kpti=on clear_regs=on", "max", {"kpti": "on", "clear_regs": "on"}),
        ("kpti=auto", "max", {}),
        ("kpti=on kpti=off", "max", {}),
        ("smap=off index_mask=off swapgs_fence=off", "max",
         {"smap": "off", "index_mask": "off", "swapgs_fence": "off"}),
        ("", "max,-smap", {"smap": "absent"}),
        ("", "max,vendor=GenuineIntel", {"kpti": "on"}),
        ("kpti=off", "max,vendor=GenuineIntel", {}),
        ("", "max,vendor=HygonGenuine", {}),
        ("", "max,vendor=CentaurHauls", {"kpti": "on"}),
    ],
)  # fmt: skip
def test_log_says_what_command_line_and_cpu_make_of_them(boot, words, cpu, differs):
    done = boot(f"{words} init=/test/exit_42", cpu=cpu, smp=1).check(42)
    assert in_force(done) == DEFAULT | differs


@pytest.mark.parametrize("name", ["ibrs", "ibpb", "pcid"])
def test_what_was_asked_for_and_is_not_there_is_named(boot, name):
    done = boot(f"{name}=on init=/test/exit_42", smp=1).check(42)
    done.one(rf"cpu: +{name}=on: not on this CPU$")


@pytest.mark.parametrize("word", ["kpti=maybe", "smap", "ibrs=1", "kpti="])
def test_value_that_is_none_of_three_is_refused(boot, word):
    done = boot(f"{word} init=/test/exit_42", smp=1).check(126)
    done.one(rf"command line: {word}: wants auto, on or off$")


@pytest.mark.parametrize(
    "words, more",
    [
        ("smap=off", 0),  # a nop is in its place
        ("swapgs_fence=off", 0),  # no conditional swapgs in the doors
        ("index_mask=off", -1),
        ("kpti=on", 4),  # two loads of CR3 and of what goes there
        ("clear_regs=on", 18),  # six registers saved, cleared, loaded
        ("kpti=on clear_regs=on index_mask=off", 21),
    ],
)
def test_mitigation_costs_what_its_instructions_say_at_both_doors(boot, words, more):
    plain = checks.exact_counts(boot, smp=1)
    counted = boot(f"{words} init=/bin/exact", icount=True, smp=1).check()
    for door in ("int 0x80", "syscall"):
        line = counted.one(rf"^exact: getpid by {door}: (\d+) guest instructions$")
        assert int(line[1]) - plain["getpid", door] == more


@pytest.mark.parametrize("words", ["clear_regs=on", "kpti=on clear_regs=on", "smap=off index_mask=off"])
def test_stress_finds_nothing_with_other_mitigations(boot, monkeypatch, words):
    monkeypatch.setenv("CMDLINE", words)
    checks.stress_finds_nothing(boot, 7, smp=2)
    checks.program_ends_as_it_says(boot, "doors")


@pytest.fixture
def in_ring_3(tmp_path, make_iso):
    """A machine with its program stopped in ring 3."""

    def start(words: str, cpu: str = "max"):
        program = assemble(tmp_path, LOOP)
        iso = make_iso(newc({"bin/loop": program.read_bytes()}))
        machine = runner.Machine(
            iso=str(iso), append=f"{words} init=/bin/loop", smp=CPU_COUNT, cpu=cpu
        )
        return symbols(program), debugged(tmp_path, machine)

    return start


def mapped(machine) -> list[tuple[int, int]]:
    """[start, end) of what CR3's tables map in the upper half, as the emulator walks them."""
    where = {"command-line": "info mem", "cpu-index": int(machine.gdb.thread.split(".")[-1], 16) - 1}
    text = str(machine.qmp.execute("human-monitor-command", **where))
    ranges = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"(\w{16})-(\w{16}) \w{16} ", text)]
    assert ranges, text
    return [(start, end) for start, end in ranges if start >> 47]


def what_entries_touch(kernel: Kernel) -> set[int]:
    """All pages that the entries from ring 3 touch before they change tables."""
    pages: set[int] = set()
    for part in ("text", "data"):
        pages.update(range(kernel[f"entry_{part}_start"], kernel[f"entry_{part}_end"], PAGE))
    for cpu in range(CPU_COUNT):
        base = PER_CPU_BASE + cpu * STRIDE
        block = base + BLOCK
        pages.add(block)
        pages.add(base + 5 * PAGE)  # the syscall stack's frame
        pages.update(base + (8 + 3 * n) * PAGE for n in range(4))  # the IST stacks' frames
    return pages


def test_tables_of_ring_3_map_of_the_kernel_what_its_entries_touch_and_nothing_more(in_ring_3):
    label, starting = in_ring_3("kpti=on")
    kernel = Kernel()
    with starting as machine:
        for after in (label["at_int"] + 2, label["at_syscall"] + 2, label["again"]):
            machine.gdb.run_to(after)  # back by each door, and from a page fault
            pages = {
                page for start, end in mapped(machine) for page in range(start, end, PAGE)
            }
            assert pages == what_entries_touch(kernel)
        # Of these, C's stack and data are none: what it leaves there is out of reach.
        assert kernel["syscall_table"] & -PAGE not in pages
        machine.gdb.write(label["stop"], struct.pack("<I", 1))
        machine.end().check()


def test_without_isolation_the_same_look_finds_the_whole_kernel(in_ring_3):
    label, starting = in_ring_3("kpti=off")
    kernel = Kernel()
    with starting as machine:
        machine.gdb.run_to(label["again"])
        assert any(start <= kernel["syscall_table"] < end for start, end in mapped(machine))
        machine.gdb.write(label["stop"], struct.pack("<I", 1))
        machine.end().check()


def msr_writes(gdb, end: int, steps: int) -> list[tuple[int, int]]:
    """(number, value) of each wrmsr from here to the instruction at `end`, or in so many steps."""
    written = []
    for _ in range(steps):
        registers = gdb.registers()
        if registers["rip"] == end:
            break
        if gdb.read(registers["rip"], 2) == b"\x0f\x30":
            written.append((registers["rcx"] & 0xFFFFFFFF, registers["rax"] & 0xFFFFFFFF))
        gdb.step()
    return written


def test_ibrs_and_ibpb_are_written_where_the_cpu_has_them(tmp_path, make_iso):
    """No emulated CPU has them, so a debugger says that this one does; the emulator ignores writes to
    a register it does not know. What is executed then: SPEC_CTRL becomes 1 on the way in and 0 on
    the way out, by either door and by an exception, and a change of processes writes PRED_CMD."""
    program, kernel = assemble(tmp_path, LOOP), Kernel()
    label = symbols(program)
    iso = make_iso(newc({"bin/loop": program.read_bytes()}))
    line = "ibrs=on ibpb=on init=/bin/loop"
    features = int(kernel.gdb("print &'src/cpu/features.c'::present").split()[-2], 16)
    bit = int(kernel.gdb("print (int)FEATURE_IBRS_IBPB").split()[-1])
    with debugged(tmp_path, runner.Machine(iso=str(iso), append=line, smp=1)) as machine:
        gdb = machine.gdb
        gdb.run_to(kernel["mitigations_decide"])
        present = int.from_bytes(gdb.read(features, 4), "little")
        gdb.write(features, struct.pack("<I", present | 1 << bit))
        gdb.run_to(kernel["space_load"])
        while not gdb.registers()["rdi"]:  # the kernel's own
            gdb.step()
            gdb.run_to(kernel["space_load"])
        assert (0x49, 1) in msr_writes(gdb, 0, 300)
        for at in ("at_int", "at_syscall", "at_fault"):
            gdb.run_to(label[at])
            gdb.step()
            after = label[at] if at == "at_fault" else label[at] + 2
            assert msr_writes(gdb, after, 20000) == [(0x48, 1), (0x48, 0)], at
        gdb.run_to(label["again"])
        gdb.write(label["stop"], struct.pack("<I", 1))
        done = machine.end().check()
    assert in_force(done) == DEFAULT | {"ibrs": "on", "ibpb": "on"}
