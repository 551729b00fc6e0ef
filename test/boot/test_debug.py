"""Under a debugger: what a door touches, and what happens at the one instruction where it would hurt."""

from __future__ import annotations

import shlex
import struct

import pytest
from capstone import x86
from conftest import ROOT, assemble, make, newc, runner
from gdbstub import debugged
from kernelfile import Kernel, decoder, symbols

import checks

DOORS = ["int 0x80", "syscall"]
FLAG_IF, FLAG_DF, FLAG_NT, FLAG_AC, FLAG_TF = 0x200, 0x400, 0x4000, 0x40000, 0x100
PAGE = 4096
STACK = 4 * PAGE


@pytest.fixture
def debug(tmp_path, make_iso):
    """debug({path: program}, append, fault="", ...): a stopped machine with these programs."""

    def start(programs, append: str, fault: str = "", **machine):
        files = {name: path.read_bytes() for name, path in programs.items()}
        iso = make_iso(newc(files), fault=fault)
        return debugged(tmp_path, runner.Machine(iso=str(iso), append=append, **machine))

    return start


def test_make_debug_stops_at_a_breakpoint_in_a_door():
    commands = ["-batch", "-ex", "hbreak door_syscall", "-ex", "continue", "-ex", "info registers rip",
                "-ex", "backtrace 1"]  # fmt: skip
    done = make("debug", "ENTRY=syscall", "CMDLINE=init=/bin/compare", f"GDB={shlex.join(commands)}")
    assert "Breakpoint 1, door_syscall" in done.stdout, done.stdout + done.stderr
    assert "src/sys/door_syscall.asm:" in done.stdout


NULL_CALLS = """
_start: mov ebx, 100 ; what is touched for the first time is touched before
.warm:  mov eax, 39 ; getpid
        int 0x80
        mov eax, 39
        syscall
        dec ebx
        jnz .warm
        mov eax, 39
at_int: int 0x80
after_int:
        mov eax, 39
at_syscall:
        syscall
after_syscall:
        mov eax, 231
        xor edi, edi
        syscall
"""


def touched(gdb, registers: dict[str, int], insn, stack_top: int):
    """(address, size, is write) of all the memory that the instruction is about to touch, but for
    descriptor tables, which nothing writes."""
    rsp = registers["rsp"]
    if insn.mnemonic == "int":
        return [(stack_top - 40, 40, True)]
    if insn.mnemonic == "iretq":
        return [(rsp, 40, False)]
    if insn.mnemonic in ("syscall", "sysretq", "sysret", "swapgs"):
        return []
    accesses = []
    if insn.mnemonic in ("push", "call"):
        accesses.append((rsp - 8, 8, True))
    elif insn.mnemonic in ("pop", "ret"):
        accesses.append((rsp, 8, False))
    if insn.mnemonic not in ("lea", "nop"):
        for operand in insn.operands:
            if operand.type == x86.X86_OP_MEM:
                memory = operand.mem
                address = memory.disp + memory.scale * register(registers, insn, memory.index)
                address += register(registers, insn, memory.base)
                if insn.reg_name(memory.segment) == "gs":
                    address += registers["gs_base"]
                writes = bool(operand.access & 2)
                accesses.append((address % (1 << 64), operand.size, writes))
    return accesses


def register(registers: dict[str, int], insn, number: int) -> int:
    if number == 0:
        return 0
    name = insn.reg_name(number)
    return registers["rip"] + insn.size if name == "rip" else registers[name]


def null_call_keeps_to_itself(boot, debug, tmp_path, fault: str = ""):
    """Steps through getpid by each door. Writes: only this CPU's page of its block and its stack.
    Reads: those, constants of the image, and the line with the thread's identity."""
    program = assemble(tmp_path, NULL_CALLS)
    label, kernel = symbols(program), Kernel(fault=fault)
    stack_top_at, current = kernel.offset("cpu", "stack_top"), kernel.offset("cpu", "current")
    exact = checks.exact_counts(boot, smp=1, fault=fault)
    with debug({"bin/null": program}, "init=/bin/null", fault, smp=4) as machine:
        gdb = machine.gdb
        for door, name in (("int", "int 0x80"), ("syscall", "syscall")):
            gdb.run_to(label[f"at_{door}"])
            steps, block, stack_top, thread, written = 0, 0, 0, 0, set()
            pending = []
            while True:
                registers = gdb.registers()
                if registers["rip"] == label[f"after_{door}"]:
                    break
                insn = next(decoder().disasm(gdb.read(registers["rip"], 15), registers["rip"]))
                if insn.mnemonic == "int":
                    pending = [insn]  # what it pushes is known when the block is
                elif not insn.mnemonic == "swapgs" and registers["gs_base"] >> 63:
                    if not block:
                        block = registers["gs_base"]
                        stack_top, thread = gdb.word(block + stack_top_at), gdb.word(block + current)
                    for address, size, writes in [
                        access
                        for each in (*pending, insn)
                        for access in touched(gdb, registers, each, stack_top)
                    ]:
                        own = block <= address and address + size <= block + PAGE
                        own |= stack_top - STACK <= address and address + size <= stack_top
                        image = kernel["text_start"] <= address < kernel["rodata_end"]
                        identity = thread <= address and address + size <= thread + 64
                        where = f"{insn.address:#x} {insn.mnemonic} {insn.op_str}: {address:#x}"
                        allowed = own if writes else own or image or identity
                        assert allowed, f"{where} may be another CPU's too"
                        if writes:
                            written.add(address)
                    pending = []
                gdb.step()
                steps += 1
                assert steps < 100, "the way back is not found"
            assert len(written) > 10
            assert steps == exact["getpid", name] + 1, "the nop that exact subtracts"
        machine.end().check()


def test_null_call_writes_to_no_line_that_another_cpu_touches(boot, debug, tmp_path):
    null_call_keeps_to_itself(boot, debug, tmp_path)


def test_null_call_that_counts_all_cpus_calls_turns_its_check_red(boot, debug, tmp_path):
    with pytest.raises(AssertionError, match="may be another CPU's too"):
        null_call_keeps_to_itself(boot, debug, tmp_path, "shared_line")


FLAGS = """
_start: pushfq
        or qword [rsp], 0x44400 ; AC, NT, DF
        popfq
        mov eax, 39
        int 0x80
        mov eax, 39
        syscall
        push 0x202
        popfq
        mov eax, 231
        xor edi, edi
        syscall
"""


def flags_of_ring_3_stay_outside(debug, tmp_path, fault: str = ""):
    program = assemble(tmp_path, FLAGS)
    kernel = Kernel(fault=fault)
    with debug({"bin/flags": program}, "init=/bin/flags", fault, smp=1, cpu="max") as machine:
        for door in DOORS:
            machine.gdb.run_to(kernel["dispatch"])
            flags = machine.gdb.registers()["rflags"]
            left = flags & (FLAG_IF | FLAG_TF | FLAG_DF | FLAG_AC | FLAG_NT)
            assert not left, f"by {door}, {left:#x} of ring 3's flags reach ring 0"
            machine.gdb.step()
        machine.end().check()


def test_no_flag_that_ring_3_sets_reaches_the_dispatcher(debug, tmp_path):
    flags_of_ring_3_stay_outside(debug, tmp_path)


def test_door_that_keeps_ac_turns_its_check_red(debug, tmp_path):
    with pytest.raises(AssertionError, match="by int 0x80, 0x40000 of ring 3's flags reach ring 0"):
        flags_of_ring_3_stay_outside(debug, tmp_path, "kept_ac")


UNDER_NMI = """
_start: mov r12, 0xffff888812345678 ; a GS base of the kernel's half
        wrgsbase r12
.again: mov eax, 39
        int 0x80
        cmp eax, 1
        jne .bad
        mov eax, 39
        syscall
        cmp eax, 1
        jne .bad
        rdgsbase rax
        cmp rax, r12
        jne .bad
        cmp dword [rel stop], 0
        je .again
        xor edi, edi
        jmp .end
.bad:   mov edi, 1
.end:   mov eax, 231
        syscall
section .data
stop:   dd 0
"""


def nmi_anywhere_in_a_door_is_harmless(debug, tmp_path, door: str, fault: str = "", words=""):
    """An NMI right before each instruction of the door, with a user GS base that looks like the
    kernel's: before swapgs ring 3's base is loaded, on ring 3's stack at that."""
    program = assemble(tmp_path, UNDER_NMI)
    kernel = Kernel(fault=fault)
    count, ist = kernel.offset("cpu", "nmi_count"), kernel.offset("cpu", "tss.ist")
    addresses = [insn.address for insn in kernel.code(door)]
    assert len(addresses) > 25
    line = f"{words} init=/bin/nmi"
    with debug({"bin/nmi": program}, line, fault, smp=2, cpu="max") as machine:
        gdb = machine.gdb
        gdb.run_to(kernel["dispatch"])
        block = gdb.registers()["gs_base"]
        frame = gdb.word(block + ist) - 40  # rip, cs, rflags, rsp, ss
        if fault:
            gdb.socket.settimeout(5)
        for address in addresses:
            gdb.run_to(address)
            before = gdb.word(block + count)
            machine.qmp.execute("inject-nmi")
            gdb.run_to(kernel["dispatch"])
            assert gdb.word(block + count) == before + 1
            assert gdb.word(frame) == address, "the NMI struck elsewhere"
        gdb.run_to(symbols(program)["_start.again"])
        gdb.write(symbols(program)["stop"], struct.pack("<I", 1))
        machine.end().check()


@pytest.mark.parametrize("door", ["door_int", "door_syscall"])
@pytest.mark.parametrize("variant, words", [("", ""), ("_10", "kpti=on clear_regs=on")])
def test_nmi_at_any_instruction_of_a_door_breaks_nothing(debug, tmp_path, door, variant, words):
    """With page-table isolation, on either side of the change of tables."""
    nmi_anywhere_in_a_door_is_harmless(debug, tmp_path, door + variant, words=words)


def test_nmi_entry_that_trusts_the_gs_base_turns_its_check_red(debug, tmp_path):
    with pytest.raises(AssertionError, match="the machine has"):
        nmi_anywhere_in_a_door_is_harmless(debug, tmp_path, "door_syscall", "trusted_gs")


STEPPED = """
_start: mov eax, 39
at_int: int 0x80
        mov eax, 39 ; a step that was held over behind the look at `work` is found by the next call
        int 0x80
after_int:
        mov eax, 39
at_syscall:
        syscall
        mov eax, 39
        syscall
after_syscall:
        mov eax, 231
        xor edi, edi
        syscall
"""


@pytest.mark.parametrize("door", ["int", "syscall"])
@pytest.mark.parametrize("variant, words", [("", "kpti=off"), ("_8", "kpti=on")])
def test_single_step_at_any_instruction_of_a_door_ends_its_process(debug, tmp_path, door, variant, words):
    """As hardware raises it behind a mov to SS and the door's own instruction, which QEMU does not; and
    further in, on either side of the change of tables."""
    program = assemble(tmp_path, STEPPED)
    label, code = symbols(program), Kernel().code(f"door_{door}{variant}")
    # A call's step would be taken in C, and a sysret goes by the flags that it loads.
    inside = [insn for insn in code if insn.mnemonic not in ("call", "sysret", "sysretq")]
    assert len(inside) > 25
    runner_path = ROOT / "build/both/test/runner"
    victims = " ".join(["/bin/victim=SIGTRAP"] * len(inside))
    programs = {"bin/victim": program, "bin/runner": runner_path}
    with debug(programs, f"{words} init=/bin/runner -- {victims}", smp=1) as machine:
        gdb = machine.gdb
        for insn in inside:
            gdb.run_to(label[f"at_{door}"])
            for _ in range(2 * len(code)):  # not by a breakpoint: the runner passes there too
                gdb.step()
                if gdb.registers()["rip"] == insn.address:
                    break
            assert gdb.registers()["rip"] == insn.address
            gdb.set_flags(gdb.registers()["rflags"] | FLAG_TF)
        done = machine.end()
    done.check_ktap()
    assert done.find("trap: victim .*: #DB debug exception, .*: ended by signal 5")
    checks.nothing_leaked(done)


VICTIM = """
_start: mov eax, 39
        int 0x80 ; leaves by door_int_iretq
after_int:
        mov eax, 24 ; sched_yield: leaves by leave_frame_iretq
        syscall
after_yield:
        mov eax, 231
        mov edi, 9
        syscall
"""
RIP, CS, RSP, SS = 0, 8, 24, 32  # in the frame that iretq takes


@pytest.mark.parametrize("words", ["kpti=off", "kpti=on"])
@pytest.mark.parametrize("way_out, label", [("door_int", "after_int"), ("leave_frame", "after_yield")])
@pytest.mark.parametrize(
    "at, value, refused",
    [
        (CS, 0xFFFB, True),  # beyond the GDT
        (CS, 0x001B, True),  # data
        (SS, 0xFFFB, True),
        (SS, 0x0023, True),  # code
        (SS, 0x0010, True),  # ring 0's
        (RIP, 0x0000800000000000, False),  # the emulator lets it pass, and refuses to fetch
        (RSP, 0x0000800000000000, False),
    ],
)
def test_frame_that_iretq_refuses_ends_its_process_alone(
    debug, tmp_path, way_out, label, at, value, refused, words
):
    victim = assemble(tmp_path, VICTIM, "victim", "-Ttext=0x7654000")
    runner_path = ROOT / "build/both/test/runner"
    good = ROOT / "build/both/test/exit_42"
    programs = {"bin/victim": victim, "bin/runner": runner_path, "bin/good": good}
    ends = "SIGSEGV" if at != RSP else "9"
    line = f"{words} init=/bin/runner -- /bin/victim={ends} /bin/good=42"
    iretq = Kernel()[f"{way_out}_iretq"]
    if words == "kpti=on" and way_out == "door_int":
        iretq = Kernel().code("door_int_8")[-1].address
    with debug(programs, line, smp=2) as machine:
        gdb = machine.gdb
        gdb.run_to(symbols(victim)[label] - 2)  # the door; then the way out that follows
        gdb.run_to(iretq)
        while gdb.word(gdb.registers()["rsp"]) != symbols(victim)[label]:
            gdb.step()
            gdb.run_to(iretq)
        gdb.write(gdb.registers()["rsp"] + at, struct.pack("<Q", value))
        done = machine.end()
    done.check_ktap()
    assert len(done.find("trap: victim .* a return to ring 3 that iretq refuses")) == refused
    done.one(checks.LEFT_AS_FOUND)
