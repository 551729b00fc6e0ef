"""What whoever ran before may have left in a CPU: each is spoilt under a debugger before the kernel takes
the CPU over, and is right when programs run. QEMU's stub reads and writes few of these registers, so the
CPU does it itself, by instructions that are put where it stands."""

from __future__ import annotations

import struct
import subprocess

import pytest
from conftest import ROOT, runner
from gdbstub import debugged
from kernelfile import Kernel

EFER, STAR, LSTAR, CSTAR, SFMASK = 0xC0000080, 0xC0000081, 0xC0000082, 0xC0000083, 0xC0000084
FS_BASE, KERNEL_GS_BASE, TSC_AUX = 0xC0000100, 0xC0000102, 0xC0000103
SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP, PAT = 0x174, 0x175, 0x176, 0x277
DEBUGCTL, MISC_FEATURES, XSS = 0x1D9, 0x140, 0xDA0

# What firmware would never do: yet each is something that a CPU can be left with.
SPOILT = {
    EFER: 0x5D00,  # FFXSR, SVME: where the CPU has them
    STAR: 0x1111222233334444,
    LSTAR: 0x1000,
    CSTAR: 0x2000,
    SFMASK: 0,
    FS_BASE: 0x3000,
    KERNEL_GS_BASE: 0x4000,
    SYSENTER_CS: 0x08,
    SYSENTER_ESP: 0x5000,
    SYSENTER_EIP: 0x6000,
    PAT: 0x0007040600070406,
    TSC_AUX: 77,
}
TABLE = 0x20000000  # as test/guest/ldt.c has it
OTHERS = ["ldtr", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7", "cr0", "cr4", "cr8", "xcr0"]

SPOIL = f"""
bits 64
        sub rsp, 16
        sgdt [rsp]
        lgdt [rel pointer]
        mov eax, 0x10
        lldt ax
        lgdt [rsp]
        add rsp, 16
        mov eax, {TABLE + 8:#x} ; ring 3's, of test/guest/ldt.c
        mov dr0, rax
        mov dr1, rax
        mov dr2, rax
        mov dr3, rax
        mov eax, 0xffff4fff
        mov dr6, rax
        mov eax, 0xffff07ff ; four of them, for reads and writes of eight bytes
        and eax, 0xbbbbffff
        mov dr7, rax
        mov rax, cr0
        or eax, 0x40048 ; AM, TS, and CD below
        or eax, 1 << 30
        mov cr0, rax
        mov rax, cr4
        or eax, 0x40000 | 0x10c ; OSXSAVE; TSD, DE, PCE
        mov cr4, rax
        xor ecx, ecx
        xor edx, edx
        mov eax, 3
        xsetbv
        mov eax, 15
        mov cr8, rax
{{wrmsrs}}
        jmp done
pointer: dw 31
        dq 0
        align 8, db 0
gdt:    dq 0, 0x00af9b000000ffff ; the one of boot/entry.asm, and then:
        dq 0x0000820000000fff | ({TABLE & 0xFFFFFF:#x} << 16) | ({TABLE >> 24:#x} << 56), 0
done:
"""


def machine_code(folder, source: str) -> bytes:
    (folder / "code.asm").write_text(source)
    subprocess.run(["nasm", "-f", "bin", "-o", "code", "code.asm"], cwd=folder, check=True)
    return (folder / "code").read_bytes()


def run_there(gdb, code: bytes) -> dict[str, int]:
    """Has the CPU that stopped run these instructions, in its place, to their end. Gives its registers;
    they, and what was overwritten, are as before then."""
    before = gdb.registers()
    start = before["rip"]
    kept = gdb.read(start, len(code) + 1)
    gdb.write(start, code)
    gdb.run_to(start + len(code), alone=gdb.thread)
    after = gdb.registers()
    gdb.write(start, kept)
    for name in ("rax", "rcx", "rdx", "rsp", "rip"):
        gdb.set_register(name, before[name])
    return after


def spoil(gdb, folder) -> None:
    lines = [
        f"mov ecx, {msr:#x}\nmov eax, {value & 0xFFFFFFFF:#x}\nmov edx, {value >> 32:#x}\nwrmsr"
        for msr, value in SPOILT.items()
    ]
    code = machine_code(folder, SPOIL.format(wrmsrs="\n".join(lines)))
    pointer = code.index(struct.pack("<HQ", 31, 0))
    gdt = code.index(struct.pack("<QQ", 0, 0x00AF9B000000FFFF))
    at = gdb.registers()["rip"]
    run_there(gdb, code[:pointer] + struct.pack("<HQ", 31, at + gdt) + code[pointer + 10 :])


def look(gdb, folder) -> dict[object, int]:
    """All of it, by the CPU that stopped."""
    reads = ["xor eax, eax\nsldt ax"]
    reads += [f"mov rax, {name}" for name in OTHERS[1:-1]]
    reads += ["xor ecx, ecx\nxgetbv"]
    reads += [f"mov ecx, {msr:#x}\nrdmsr\nshl rdx, 32\nor rax, rdx" for msr in SPOILT]
    code = machine_code(folder, "bits 64\n" + "".join(f"{read}\npush rax\n" for read in reads))
    rsp = run_there(gdb, code)["rsp"]
    values = struct.unpack(f"<{len(reads)}Q", gdb.read(rsp, 8 * len(reads)))
    return dict(zip([*OTHERS, *SPOILT], reversed(values)))


def wanted(index: int) -> dict[object, int]:
    return {
        "ldtr": 0,
        "dr0": 0, "dr1": 0, "dr2": 0, "dr3": 0, "dr6": 0xFFFF0FF0, "dr7": 0x400,
        "cr0": 0x80010033,  # PG WP NE ET MP PE
        "cr4": 0x150EE0,  # SMEP OSXSAVE FSGSBASE UMIP OSXMMEXCPT OSFXSR PGE MCE PAE
        "cr8": 0,
        "xcr0": 7,
        EFER: 0xD01,  # NXE LMA LME SCE
        STAR: 0x0013000800000000,
        LSTAR: Kernel()["door_syscall"],
        CSTAR: 0,
        SFMASK: 0x57FD5,  # all that ring 3 can set
        FS_BASE: 0,
        KERNEL_GS_BASE: 0,
        SYSENTER_CS: 0, SYSENTER_ESP: 0, SYSENTER_EIP: 0,
        PAT: 0x0007040600070106,
        TSC_AUX: index,
    }  # fmt: skip


def test_what_firmware_left_is_gone_on_every_cpu(tmp_path):
    kernel, iso = Kernel(), str(ROOT / "build/both/test.iso")
    line = "init=/test/runner -- /test/ldt=0 /test/doors,both=0 /test/fpu=0"
    cpu = "max,-smap"  # with it, ring 0 would not get to a table in user space
    with debugged(tmp_path, runner.Machine(iso=iso, append=line, cpu=cpu, smp=2)) as machine:
        gdb = machine.gdb
        gdb.run_to(kernel["kernel_main"])
        spoil(gdb, tmp_path)
        spoilt = look(gdb, tmp_path)
        same = [name for name, value in wanted(0).items() if spoilt[name] == value]
        assert not same, "these are not spoilt"
        gdb.run_to(kernel["ap_main"])
        spoil(gdb, tmp_path)
        ap = gdb.thread
        for _ in range(2):
            gdb.run_to(kernel["sched_enter"])
            index = int(gdb.thread == ap)
            assert look(gdb, tmp_path) == wanted(index), f"CPU {index}"
            gdb.step()
        done = machine.end()
    done.check_ktap()


@pytest.mark.parametrize("cpu", ["max", "EPYC"])
def test_registers_that_the_emulator_lacks_are_written_too(tmp_path, cpu):
    """It drops what is written to them: so what is written is looked at, before it is."""
    kernel, iso = Kernel(), str(ROOT / "build/both/test.iso")
    write = next(insn for insn in kernel.code("cpu_clean_state") if insn.mnemonic == "wrmsr")
    machine = runner.Machine(iso=iso, append="init=/test/exit_42", cpu=cpu, smp=1)
    with debugged(tmp_path, machine) as stopped:
        gdb, written = stopped.gdb, {}
        gdb.run_to(kernel["cpu_clean_state"])
        while gdb.run_to_any(write.address, kernel["cpu_features_enable"]) == write.address:
            registers = gdb.registers()
            written[registers["rcx"]] = registers["rax"] | registers["rdx"] << 32
            gdb.step()
        stopped.end().check(42)
    assert written == dict.fromkeys(
        [SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP, DEBUGCTL, MISC_FEATURES, XSS], 0
    )
