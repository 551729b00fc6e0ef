"""Proof that the tests can fail: kernels with one fault each, planted where it would really be made,
and for each the check that is there to find it, which must not pass. And what a fault in ring 0 looks
like when it does happen."""

import os
import re

import checks
import pytest
from conftest import THREE_THREADS, assemble, newc
from kernelfile import Kernel

SEED = 1


def index_is_masked(fault: str = "") -> None:
    """Between the bounds check and the indexed jump, rax is cut down by what the check's flags say,
    without a branch: a wrong prediction cannot skip that."""
    code = [f"{insn.mnemonic} {insn.op_str}" for insn in Kernel(fault=fault).code("dispatch")]
    text = "\n".join(code)
    assert re.match(r"cmp eax, 0x[0-9a-f]+\njae ", text), text
    jump = next(i for i, line in enumerate(code) if line.startswith("jmp") and "rax*8" in line)
    between = "\n".join(code[2:jump])
    assert re.match(r"sbb r(\w+), r\1\nand eax, r\1d\n", between), f"index not masked:\n{text}"
    assert not re.search(r"^(cmp|j\w+) |\b[re]ax,", between.partition("\n")[2].partition("\n")[2])


def test_table_index_is_masked_before_it_is_used():
    index_is_masked()


def stress(boot, **where):
    checks.stress_finds_nothing(boot, SEED, timeout=60, **where)


def program(name, **machine):
    return lambda boot, **where: checks.program_ends_as_it_says(
        boot, name, timeout=30, **machine, **where
    )


@pytest.mark.parametrize(
    "fault, check, symptom",
    [
        ("unrestored_register", program("doors"), r"promises, by int 0x80 # .*: 0x400\s"),
        ("unrestored_register", stress, r"r10: expected"),
        ("missing_swapgs", program("exit_42"), r"panic: CPU \d: double fault"),
        ("lost_shootdown", stress, r"error: thread"),
        ("leaked_frame", program("exit_42"), r"memory has leaked"),
        ("lost_wake", program("futex", smp=1), r"not ok|status 124"),
        ("unsaved_xstate", program("fpu"), r"not ok:\s+state survives"),
        ("unrestored_gs_base", stress, r"GS base: expected"),
    ],
)
def test_planted_fault_turns_its_check_red(boot, fault, check, symptom):
    if fault == "lost_shootdown" and "kpti=on" in os.environ.get("CMDLINE", ""):
        pytest.skip("without PCIDs, isolation flushes the TLB at every entry")
    with pytest.raises(AssertionError) as failure:
        check(boot, fault=fault)
    assert re.search(symptom, str(failure.value)), failure.value


def test_unmasked_index_turns_its_check_red():
    with pytest.raises(AssertionError, match="index not masked"):
        index_is_masked("unmasked_index")


# The other threads never come back.
BUSY = THREE_THREADS + """
        mov eax, 24 ; sched_yield, until the others run
        syscall
        mov eax, 99 ; sysinfo
        lea rdi, [rel stack]
        syscall
        mov eax, 231
        xor edi, edi
        syscall
thread: jmp $
section .bss
stack:  resb 4096
stack_end:
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory) -> bytes:
    return assemble(tmp_path_factory.mktemp("busy"), BUSY, "busy").read_bytes()


def panic_of(boot, make_iso, busy: bytes, fault: str):
    done = boot("init=/bin/busy", iso=make_iso(newc({"bin/busy": busy}), fault=fault), smp=4)
    done.check(99)
    assert not done.find("did not stop")
    return done


def test_program_that_the_panics_are_made_with_ends_well_on_the_good_kernel(boot, make_iso, busy):
    boot("init=/bin/busy", iso=make_iso(newc({"bin/busy": busy})), smp=4).check()


def test_fault_in_ring_0_stops_all_cpus_and_shows_the_way_there_by_name(boot, make_iso, busy):
    done = panic_of(boot, make_iso, busy, "wild_pointer")
    done.one(r"panic: CPU \d: page fault in ring 0 at 0xffffb00000000000, error code 0x2$")
    names = [match[1] for match in done.find(r"panic:   [0-9a-f]{16} (\w+)\+0x[0-9a-f]+$")]
    assert names[0] == "sys_sysinfo" and names[1].startswith("door_syscall"), done.log
    for register in ("rip", "rsp", "r15", "cr2 ffffb00000000000", "cr3"):
        done.one(rf"panic: .*\b{register}\b")


def test_stack_that_runs_into_its_guard_page_is_a_double_fault_that_says_so(boot, make_iso, busy):
    done = panic_of(boot, make_iso, busy, "deep_stack")
    done.one(r"panic: CPU \d: double fault \(a kernel stack ran into its guard page\?\)")
    assert done.find(r"panic:   [0-9a-f]{16} sys_sysinfo\+0x")
