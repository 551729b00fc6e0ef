"""Old and odd CPUs; memory that is small or large, in pieces, or not as the firmware says."""

from __future__ import annotations

import struct

import checks
import multiboot
import pytest
from conftest import runner
from gdbstub import debugged
from kernelfile import Kernel
from multiboot import ACPI, BAD, DIRECT_MAP, MEMORY_MAP, MODULE, NVS, RESERVED, USABLE, Range

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
CANNOT_RUN = 126
UNKNOWN = 0x1234  # a type of memory that the specification has not
PATTERN = bytes(range(256))
NX, XD_OFF = 1 << 20, 1 << 2  # CPUID 80000001h EDX; IA32_MISC_ENABLE's upper half

MISSING = {
    "smep": "SMEP",
    "smap": "SMAP",
    "umip": "UMIP",
    "fsgsbase": "FSGSBASE",
    "rdtscp": "RDTSCP",
    "pdpe1gb": "1-GiB-pages",
    "xsave": "XSAVE AVX",
}
MORE = {"pge": "PGE", "mce": "MCE", "rdrand": "RDRAND"}
UNASKED = ["pat", "cx16", "sep", "clflush", "lahf_lm", "popcnt", "sse3"]  # nobody needs to know


def runs_without(boot, cpu: str, missing: set[str], words: str = "/test/auxv=0 /test/fpu=0") -> None:
    done = boot(f"init=/test/runner -- {words}", cpu=cpu, smp=2)
    done.check_ktap()
    assert set(done.one(r"cpu: +missing: (.*)$")[1].split()) == missing
    assert not missing & set(done.one(r"cpu: +in force: (.*)$")[1].split())


@pytest.mark.parametrize("flag", MISSING)
def test_cpu_without_one_feature_runs_programs_and_says_what_is_missing(boot, flag):
    runs_without(boot, f"max,-{flag}", set(MISSING[flag].split()))


def test_cpu_without_any_optional_feature_runs_programs(boot):
    flags = [*MISSING, *MORE, *UNASKED]
    missing = " ".join([*MISSING.values(), *MORE.values()])
    cpu = "max," + ",".join(f"-{flag}" for flag in flags)
    words = "/test/auxv=0 /test/fpu=0 /test/threads=0 /test/time=0 /test/sched=0 /test/memory=0"
    runs_without(boot, cpu, set(missing.split()), words)


def test_cpuid_that_ends_after_its_first_leaves_is_no_reason_to_guess(boot):
    """As firmware can set it: leaf 7 and leaf 0dh are not there, though XSAVE has its bit."""
    missing = {"SMEP", "SMAP", "UMIP", "FSGSBASE", "XSAVE", "AVX"}
    runs_without(boot, "max,level=3,xlevel=0x80000001", missing)


@pytest.mark.parametrize("flag, name", [
    ("apic", "local APIC"), ("fpu", "FPU"), ("cx8", "CMPXCHG8B"), ("fxsr", "FXSAVE"), ("sse2", "SSE2"),
])
def test_cpu_that_programs_cannot_do_without_is_refused(boot, flag, name):
    done = boot("init=/test/exit_42", cpu=f"max,-{flag}", smp=1).check(125)
    done.one(rf"cpu: +this CPU has no {name} \(CPUID 1h EDX bit \d+\), .*not supported$")


def test_whole_cpu_lacks_nothing_and_the_kernel_keeps_to_its_memory(boot):
    done = boot("init=/test/exit_42", cpu="max", smp=4, mem="512M").check(42)
    assert done.one(r"cpu: +missing: (.*)$")[1] == "nothing"
    within_its_memory(done, 4)


def within_its_memory(done, cpus: int) -> None:
    """At most 64 KiB for each CPU, and 4 MiB in all; and all parts make up the whole."""
    line = done.one(r"mm: +(\d+) KiB are the kernel's: (.*)$")
    parts = {name: int(kib) for part in line[2].split(", ") for name, kib in [part.rsplit(" ", 1)]}
    assert parts["CPUs"] <= 64 * cpus
    assert int(line[1]) <= 4096
    assert abs(sum(parts.values()) - int(line[1])) < len(parts)
    # What is left is what programs find: of 512 MiB nothing else is gone but what firmware keeps.
    free = int(done.one(r"init: ended with .*; (\d+) frames free")[1]) * PAGE // KIB
    initramfs = int(done.one(r"initramfs (\d+) KiB")[1])
    assert 512 * KIB - 2 * KIB < free + initramfs + int(line[1]) <= 512 * KIB


@pytest.mark.parametrize("mem, mib", [("64M", 64), ("4G", 4096)])
def test_memory_is_used_up_to_its_end(boot, mem, mib):
    done = boot("init=/test/runner -- /test/threads=0", smp=2, mem=mem)
    done.check_ktap()
    found = done.one(r"boot: .* (\d+) MiB usable, initramfs (\d+) KiB")
    used = int(found[2]) // KIB + mib // 500  # and the words of the frames, of 4 GiB and a hole
    assert mib - 3 <= int(found[1]) + used <= mib + 3
    checks.nothing_leaked(done)


def test_64_gibibytes_are_used_without_large_pages(boot):
    """The host has less."""
    ram = ["-object", "memory-backend-ram,id=ram,size=64G,reserve=off", "-machine", "memory-backend=ram"]
    done = boot("init=/test/runner -- /test/threads=0", mem="64G", cpu="max,-pdpe1gb", extra=ram)
    done.check_ktap()
    assert 65400 < int(done.one(r"boot: .* (\d+) MiB usable")[1]) <= 65536
    checks.nothing_leaked(done)


# -- the kernel under a debugger, with the loader's words changed before it reads them ------------


@pytest.fixture
def at_kernel_main(tmp_path):
    """at_kernel_main(append, ...): a machine that stopped there, in a context."""

    def start(append: str = "init=/test/exit_42", **machine):
        iso = str(Kernel().elf.parent / "test.iso")
        return debugged(tmp_path, runner.Machine(iso=iso, append=append, **machine))

    return start


def replace_map(gdb, information: bytes, ranges: list[Range], at: int) -> None:
    """Gives the kernel other boot information, at that address, with these ranges as its memory map."""
    found = multiboot.tags(information)
    kept = [tag for tag in found if tag[0] != MEMORY_MAP]
    assert len(found) == len(kept) + 1
    multiboot.replace(gdb, [*kept, multiboot.memory_map(ranges)], at)


def odd_map() -> list[Range]:
    """Of 512 MiB. More than the kernel has room for, in disorder."""
    holes = [
        (64 * MIB, MIB + 1, RESERVED),
        (65 * MIB - 1, 3 * PAGE, NVS),  # overlaps the one before
        (96 * MIB + 5, 10, UNKNOWN),
        (128 * MIB, 7 * PAGE, BAD),
        (160 * MIB, PAGE, ACPI),
        (160 * MIB, 2 * PAGE, RESERVED),
        (480 * MIB, (1 << 64) - 1, RESERVED),  # and all above: wraps around
        (200 * MIB, 0, RESERVED),
    ]
    holes += [(224 * MIB + 16 * PAGE * i, 1, RESERVED) for i in range(400)]
    usable = [
        (256 * MIB, 256 * MIB, USABLE),
        (PAGE + 3, 0x9E000, USABLE),
        (MIB, 300 * MIB, USABLE),  # overlaps the first
        (64 * MIB, 2 * MIB, USABLE),  # in what is reserved
        (300 * MIB, 0, USABLE),
        ((1 << 64) - PAGE, 2 * PAGE, USABLE),  # wraps around
    ]
    more = [(400 * MIB + 32 * PAGE * i, PAGE, USABLE) for i in range(200)]  # known already
    return usable[:1] + holes[:5] + usable[1:] + holes[5:] + more


def model(ranges: list[Range]) -> set[int]:
    """Whole usable frames from 1 MiB to 512 MiB."""
    ours: set[int] = set()
    for base, size, kind in ranges:
        if kind == USABLE and base + size < 1 << 64:
            ours |= set(range(-(-max(base, MIB) // PAGE), (base + size) // PAGE))
    for base, size, kind in ranges:
        if kind != USABLE and size:
            ours -= set(range(base // PAGE, -(-min(base + size, 512 * MIB) // PAGE)))
    return ours


def test_memory_map_in_disorder_is_used_to_the_last_frame_and_no_further(at_kernel_main):
    """Programs take all there is, and what is reserved is as it was in the end."""
    ranges = odd_map()
    append = "init=/test/runner -- '/test/oom=0|SIGKILL' /test/threads=0"
    with at_kernel_main(append, smp=2, mem="512M") as machine:
        gdb, kernel = machine.gdb, Kernel()
        _, old = multiboot.read(gdb)
        replace_map(gdb, old, ranges, 48 * MIB)
        reserved = sorted(set(range(256, 512 * MIB // PAGE)) - model(ranges))
        watched = [frame * PAGE for frame in (reserved[:400:7] + reserved[400:900:11])]
        assert len(watched) > 80
        usable = [(base, base + size) for base, size, kind in multiboot.ranges_of(old) if kind == USABLE]
        assert all(any(base <= at < end for base, end in usable) for at in watched if at < 511 * MIB)
        for address in watched:
            gdb.write(DIRECT_MAP + address, PATTERN)
        gdb.run_to(kernel["process_start_init"])
        total = gdb.word(kernel["total_count"])
        words = gdb.word(kernel["words_place"] + 8) - gdb.word(kernel["words_place"])
        gdb.run_to(kernel["machine_end"])
        assert gdb.ask("Qqemu.PhyMemMode:1") == "OK"  # the kernel does not map what is reserved
        for address in watched:
            assert gdb.read(address, len(PATTERN)) == PATTERN, f"{address:#x} was used"
        done = machine.end()
    done.check_ktap()
    left_out = int(done.one(r"mm: +memory map: (\d+) usable ranges left out")[1])
    assert left_out > 1
    start, end = struct.unpack_from("<II", multiboot.contents(old, MODULE))
    taken = set(range(start // PAGE, -(-end // PAGE)))
    taken |= set(range(MIB // PAGE, -(-(kernel["image_end"]) // PAGE)))
    taken |= set(range(48 * MIB // PAGE, 48 * MIB // PAGE + -(-len(old) // PAGE) + 4))
    # Symbols and the exact length of the new information are the rest.
    expected = len(model(ranges) - taken) - words
    assert expected - 16 <= total <= expected + 4, (expected, total)


@pytest.mark.parametrize(
    "start, end, flaw",
    [
        (0x20000000, 0x20001000, "lies outside of usable memory"),  # behind 512 MiB
        (0xFEE00000, 0xFEE01000, "lies outside of usable memory"),  # the local APIC
        (0x00110000, 0x00111000, "lies in the kernel's image"),
    ],
)
def test_module_in_a_place_that_cannot_be_is_named_and_refused(at_kernel_main, start, end, flaw):
    with at_kernel_main(smp=1) as machine:
        at, information = multiboot.read(machine.gdb)
        place = multiboot.contents(information, MODULE)[:8]
        machine.gdb.write(DIRECT_MAP + at + information.index(place), struct.pack("<II", start, end))
        done = machine.end().check(CANNOT_RUN)
    done.one(rf"boot: module 0 \(initramfs\) at {start:#x} to {end:#x} {flaw}: ignored$")
    done.one(r"boot: no initramfs: ")
    assert not done.find("panic")


@pytest.mark.parametrize("place", [0, 9], ids=["first", "behind nine others"])
def test_of_too_many_modules_the_initramfs_is_taken(at_kernel_main, place):
    with at_kernel_main(smp=1) as machine:
        _, information = multiboot.read(machine.gdb)
        found = multiboot.tags(information)
        own = next(tag for tag in found if tag[0] == MODULE)
        others = [300 * MIB + n * PAGE for n in range(9)]
        modules = [(MODULE, struct.pack("<II", at, at + PAGE) + b"other\0") for at in others]
        modules.insert(place, own)
        found = [tag for tag in found if tag[0] != MODULE]
        multiboot.replace(machine.gdb, [*found, *modules], 0x80000)
        done = machine.end().check(42)
    done.one(r"boot: there is room for 8 modules: 2 more are passed over$")


def test_memory_below_the_least_is_refused_with_a_sentence(at_kernel_main):
    with at_kernel_main(smp=1) as machine:
        _, information = multiboot.read(machine.gdb)
        module_end = struct.unpack_from("<II", multiboot.contents(information, MODULE))[1]
        replace_map(machine.gdb, information, [(0, -(-module_end // MIB) * MIB + MIB, USABLE)], 0x80000)
        done = machine.end().check(CANNOT_RUN)
    done.one(r"mm: +\d+ KiB of memory to begin with: 4096 are the least$")
    assert not done.find("panic")


# -- NX that firmware left off ---------------------------------------------------------------------


def step_to(gdb, mnemonic: str, bits: int, base: int = 0) -> None:
    """Up to the next such instruction, which is about to be executed."""
    for _ in range(100):
        rip = gdb.registers()["rip"]
        code = gdb.read(base + rip, 8)
        if code.startswith(CODE[mnemonic, bits]):
            return
        gdb.step()
    raise AssertionError(f"no {mnemonic}")


CODE = {
    ("bt ebx, 20", 32): b"\x0f\xba\xe3\x14",
    ("bt edx, 20", 16): b"\x66\x0f\xba\xe2\x14",
    ("rdmsr", 32): b"\x0f\x32",
    ("wrmsr", 32): b"\x0f\x30",
}


def turned_on(gdb, base: int = 0) -> None:
    """The register is read; it is pretended that XD Bit Disable is set; the kernel clears it."""
    step_to(gdb, "rdmsr", 32, base)
    assert gdb.registers()["rcx"] & 0xFFFFFFFF == 0x1A0
    gdb.step()
    gdb.set_register("rdx", gdb.registers()["rdx"] | XD_OFF)
    step_to(gdb, "wrmsr", 32, base)
    registers = gdb.registers()
    assert registers["rcx"] & 0xFFFFFFFF == 0x1A0 and not registers["rdx"] & XD_OFF


def test_nx_that_firmware_left_off_is_turned_on_on_every_cpu(at_kernel_main):
    """No emulator here lets the switch hide NX: so the debugger hides it, from the boot CPU and from
    the other one."""
    kernel = Kernel()
    with at_kernel_main("init=/test/runner -- /test/sched=0", cpu="Haswell", smp=2) as machine:
        gdb = machine.gdb
        gdb.run_to(kernel["boot_entry"])
        step_to(gdb, "bt ebx, 20", 32)
        gdb.set_register("rbx", gdb.registers()["rbx"] & ~NX)
        turned_on(gdb)
        gdb.run_to(kernel["smp_start"])
        page = gdb.registers()["rdi"]
        start, end = kernel["trampoline_start"], kernel["trampoline_end"]
        code = gdb.read(start, end - start)
        assert code.count(CODE["bt edx, 20", 16]) == 1
        gdb.run_to(page + code.index(CODE["bt edx, 20", 16]), page)
        gdb.set_register("rdx", gdb.registers()["rdx"] & ~NX)
        turned_on(gdb, page)
        done = machine.end()
    done.check_ktap()
    done.one(r"smp: +2 of 2 CPUs online")
