"""The lab: programs that put stubs into their CPU's doors, what takes them away, and what they cost."""

import struct

import checks
import pytest
from conftest import assemble, newc, runner
from gdbstub import debugged
from kernelfile import Kernel, symbols

OPEN = {"both": ["int 0x81", "syscall"], "int": ["int 0x81"], "syscall": ["syscall"]}
entries = pytest.mark.parametrize("entry", OPEN)

# Instructions of the kernel's in each stub, as docs/doors.md adds them up.
LADDER = {
    "int 0x81": {"bare": 1, "swapgs": 3, "stack": 3, "frame": 27, "dispatch": 35, "real": 39, "crossed": 41},
    "syscall": {"bare": 1, "swapgs": 3, "stack": 6, "frame": 32, "dispatch": 40, "real": 44, "crossed": 44},
}
REAL = {"int 0x81": "int 0x80", "syscall": "syscall"}  # the door that a stub is compared with


def skipped(names: list[str]) -> list[str]:
    return [name for name in names if "# SKIP" in name]


@pytest.fixture(autouse=True)
def as_the_test_says(monkeypatch):
    monkeypatch.delenv("CMDLINE", raising=False)


def lab(boot, program: str, words: str = "", **where):
    return boot(f"lab=on {words} init=/test/{program}", **where)


@entries
@pytest.mark.parametrize(
    "smp, cpu, words",
    [(1, "qemu64", ""), (2, "max", "kpti=on"), (4, "EPYC", ""), (2, "max", "clear_regs=on")],
)
def test_stub_does_what_it_promises_and_whatever_happens_the_real_door_is_back(
    boot, entry, smp, cpu, words
):
    done = lab(boot, "lab -- open", words, entry=entry, smp=smp, cpu=cpu)
    names = done.check_ktap()
    done.one(r"sys: +the lab is open")
    checks.nothing_leaked(done)
    if entry == "both":
        left_out = [name for name in skipped(names) if "ENODEV" not in name]
        crossed = [name for name in left_out if "crossed" in name]
        assert len(crossed) == (2 if words else 0), left_out
        assert len(left_out) - len(crossed) == (4 if smp == 1 else 0), left_out


@entries
def test_lab_is_shut_unless_it_was_asked_for(boot, entry):
    for option in ("", "lab=off "):
        done = boot(f"{option}init=/test/runner -- /test/lab,closed=0 /test/fault_int81=SIGSEGV "
                    "/test/fault_int82=SIGSEGV", entry=entry)  # fmt: skip
        done.check_ktap()
        assert not done.find("the lab is open")


@entries
def test_nmi_leaves_the_real_door_in_place_and_a_timer_tick_the_stub(boot, entry):
    def send_nmi(line, qmp):
        if "# waits for an NMI" in line:
            qmp.execute("inject-nmi")

    done = lab(boot, "lab_nmi", entry=entry, smp=2, on_line=send_nmi)
    names = done.check_ktap()
    assert len(skipped(names)) == 2 * (2 - len(OPEN[entry]))


@pytest.mark.parametrize("smp, words", [(4, ""), (2, "kpti=on clear_regs=on")])
def test_kernel_stands_whatever_is_asked_of_the_lab_and_nmis_besides(boot, smp, words):
    def send_nmi(line, qmp):
        if "trap:" in line:  # of a process that has ended in between
            qmp.execute("inject-nmi")

    done = lab(boot, "lab_random", words, smp=smp, cpu="max", on_line=send_nmi)
    assert not skipped(done.check_ktap()), done.log
    checks.nothing_leaked(done)


def ladder(boot, words: str = "", **where) -> dict[str, dict[str, int]]:
    done = lab(boot, "lab_exact", words, icount=True, **where)
    assert not skipped(done.check_ktap()), done.log
    counts: dict[str, dict[str, int]] = {}
    for match in done.find(r"^lab: (int 0x81|syscall) (\w+) (-?\d+)$"):
        if int(match[3]) >= 0:
            counts.setdefault(match[1], {})[match[2]] = int(match[3])
    return counts


@entries
def test_stubs_cost_what_the_account_says_and_end_in_what_exact_counts(boot, entry):
    counts = ladder(boot, entry=entry, smp=1)
    expected = {door: dict(LADDER[door]) for door in OPEN[entry]}
    if entry == "int":
        del expected["int 0x81"]["crossed"]  # without EFER.SCE there is no sysretq
    assert counts == expected
    exact = checks.exact_counts(boot, entry=entry, smp=1)
    for door, rungs in counts.items():
        assert rungs["real"] == exact["getpid", REAL[door]]
        steps = [count for rung, count in rungs.items() if rung != "crossed"]
        assert steps == sorted(steps)


def test_stubs_cost_the_same_on_every_cpu_model_and_number_of_cpus(boot):
    assert ladder(boot, smp=4, cpu="qemu64") == ladder(boot, smp=1, cpu="max") == LADDER


@pytest.mark.parametrize("words, more", [("kpti=on", 4), ("clear_regs=on", 18), ("index_mask=off", -1)])
def test_mitigations_change_the_real_door_alone(boot, words, more):
    expected = {door: rungs | {"real": rungs["real"] + more} for door, rungs in LADDER.items()}
    for rungs in expected.values():
        del rungs["crossed"]  # made after the ordinary door
    assert ladder(boot, words, smp=1) == expected


UNDER_NMI = """
_start: mov r12, 0xffff888812345678 ; a GS base of the kernel's half
        wrgsbase r12
again:  mov eax, 1000 ; SYS_LAB
        xor edi, edi ; LAB_INSTALL
        mov esi, {door}
        mov edx, {rung}
        int 0x80
        test rax, rax
        jnz bad
        mov eax, {number}
        {instruction}
        cmp rax, {result}
        jne bad
        int 0x82
        mov eax, 39
        syscall
        cmp rax, 1
        jne bad
        rdgsbase rax
        cmp rax, r12
        jne bad
        cmp dword [rel stop], 0
        je again
        xor edi, edi
        jmp end
bad:    mov edi, 1
end:    mov eax, 231
        int 0x80
section .data
stop:   dd 0
"""


@pytest.mark.parametrize(
    "rung, words",
    [("bare", ""), ("swapgs", ""), ("stack", ""), ("frame", ""), ("dispatch", ""), ("crossed", ""),
     ("dispatch", "kpti=on")],
)  # fmt: skip
@pytest.mark.parametrize("door", REAL)
def test_nmi_at_any_instruction_of_a_stub_breaks_nothing(make_iso, tmp_path, door, rung, words):
    """As for the real doors (test_debug.py), with a user GS base that looks like the kernel's."""
    rungs, short = list(LADDER[door]), door.split()[0]
    text = UNDER_NMI.format(
        door=list(REAL).index(door),
        rung=rungs.index(rung),
        instruction=door,
        number=39 if rung == "crossed" else 0,
        result=1 if rung == "crossed" else 0,
    )
    program = assemble(tmp_path, text)
    label, kernel = symbols(program), Kernel()
    name = "swapgs" if (short, rung) == ("int", "stack") else rung  # the gate has switched the stack
    stub = [insn.address for insn in kernel.code(f"lab_{short}_{name}")]
    assert len(stub) >= LADDER[door][rung] - 9, "all but what the dispatch calls"
    count, installed = kernel.offset("cpu", "nmi_count"), kernel.offset("cpu", "lab_installed")
    frame_at = kernel.offset("cpu", "tss.ist")
    iso = make_iso(newc({"bin/nmi": program.read_bytes()}))
    line = f"lab=on {words} init=/bin/nmi"
    with debugged(tmp_path, runner.Machine(iso=str(iso), append=line, smp=2, cpu="max")) as machine:
        gdb = machine.gdb
        gdb.run_to(kernel["dispatch"])
        block = gdb.registers()["gs_base"]
        frame = gdb.word(block + frame_at) - 40  # rip, cs, rflags, rsp, ss
        for address in stub:
            gdb.run_to(address)
            assert gdb.read(block + installed, 1) == b"\1"
            before = gdb.word(block + count)
            machine.qmp.execute("inject-nmi")
            gdb.run_to(label["again"])
            assert gdb.word(block + count) == before + 1
            assert gdb.word(frame) == address, "the NMI struck elsewhere"
            assert gdb.read(block + installed, 1) == b"\0"
        gdb.write(label["stop"], struct.pack("<I", 1))
        machine.end().check()
