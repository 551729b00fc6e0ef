"""Bad input gets a sentence that names it, and the machine goes off with the fail status: no hang, no
panic. Anything slower than HANG is one."""

import gzip
import re
import struct
import time
from pathlib import Path

import pytest
from conftest import ROOT, assemble, newc

HANG = 30
CANNOT_RUN, NOT_FOUND = 126, 127
HALT = "_start: mov eax, 231\nxor edi, edi\nsyscall\nint 0x80"
PHDR = 64  # where the linker puts the first program header


def put(image: bytes, at: int, form: str, value: int) -> bytes:
    size = struct.calcsize("<" + form)
    return image[:at] + struct.pack("<" + form, value % (1 << 8 * size)) + image[at + size :]


def bad_programs(good: bytes) -> dict[str, tuple[bytes, str]]:
    """Name -> (file, what the log says of it). The linker makes two segments: headers, then text;
    of a program header's fields, the offset is at 8, vaddr at 16, filesz at 32."""
    text = PHDR + 56
    vaddr = struct.unpack_from("<Q", good, PHDR + 16)[0]
    return {
        "script": (b"#!/bin/sh\necho hello\n", "not an ELF file"),
        "empty": (b"", "not an ELF file"),
        "machine": (put(good, 18, "H", 183), "a program for another machine"),
        "bits": (put(good, 4, "B", 1), "a 32-bit program"),
        "object": (put(good, 16, "H", 1), "not a program"),
        "dynamic": (put(good, PHDR, "I", 3), "a dynamic program"),
        "header": (good[:40], "truncated: no whole ELF header"),
        "table": (good[: PHDR + 60], "program headers beyond the file"),
        "truncated": (good[:0x1004], "truncated: a segment beyond the end of the file"),
        "kernel": (put(good, text + 16, "Q", 0xFFFFFFFF80001000), "a segment in kernel space"),
        "end": (put(good, text + 16, "Q", 0x7FFFFFFFF000), "a segment in kernel space"),
        "null": (put(good, PHDR + 16, "Q", 0), "below the lowest user address"),
        "overlap": (
            put(put(good, PHDR + 32, "Q", 0x1008), PHDR + 40, "Q", 0x1008),
            "overlapping segments",
        ),
        "order": (put(good, text + 16, "Q", vaddr - 0x1000), "segments not in ascending order"),
        "entry": (put(good, 24, "Q", 0x10000000), "an entry point outside executable code"),
    }


BAD = list(bad_programs(bytes(0x2000)))  # their names


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> bytes:
    return assemble(tmp_path_factory.mktemp("program"), HALT).read_bytes()


@pytest.fixture(scope="module")
def bad_iso(make_iso, program):
    files = {f"bin/{name}": data for name, (data, _) in bad_programs(program).items()}
    runner = (ROOT / "build/both/test/runner").read_bytes()
    return make_iso(newc({"bin/good": program, "bin/runner": runner} | files))


def refused(done, status: int, sentence: str):
    done.check(status)
    done.one(sentence)
    assert re.search(rf"power: off, status {status}$", done.lines[-1]), done.log
    assert not done.find("panic")


def test_the_good_program_that_the_bad_ones_are_made_of_runs(boot, bad_iso):
    boot("init=/bin/good", iso=bad_iso, timeout=HANG).check()


@pytest.mark.parametrize("name", BAD)
def test_bad_program_is_refused_with_the_reason(boot, bad_iso, program, name):
    sentence = bad_programs(program)[name][1]
    done = boot(f"init=/bin/{name}", iso=bad_iso, smp=1, timeout=HANG)
    refused(done, CANNOT_RUN, rf"exec: /bin/{name}: .*{re.escape(sentence)}")


def test_execve_refuses_bad_programs_and_the_caller_lives_on(boot, bad_iso):
    done = boot(f"init=/bin/runner -- {' '.join(f'/bin/{name}=0' for name in BAD)} /bin/good=0",
                iso=bad_iso, timeout=HANG)  # fmt: skip
    done.check(1)
    assert len(done.find(r"^not ok \d+ - /bin/\w+ exits with 0 # got no start, errno 8$")) == len(BAD)
    done.one(r"^ok \d+ - /bin/good exits with 0$")
    done.one("frames free, as before it started")


@pytest.mark.parametrize(
    "name, status",
    [("/bin/nobody", NOT_FOUND), ("/nowhere/good", NOT_FOUND), ("/bin/good/more", CANNOT_RUN),
     ("/bin/good/", CANNOT_RUN)],
)  # fmt: skip
def test_program_that_is_not_there_is_named(boot, bad_iso, name, status):
    done = boot(f"init={name}", iso=bad_iso, smp=1, timeout=HANG)
    refused(done, status, rf"init: {name}: \w+")


def test_folder_cannot_be_run(boot, bad_iso):
    refused(boot("init=/bin", iso=bad_iso, smp=1, timeout=HANG), CANNOT_RUN, r"init: /bin: ")


def archives() -> dict[str, tuple[bytes | None, str]]:
    good = newc({"bin/init": bytes(5000)})
    return {
        "none": (None, "no initramfs"),
        "garbage": (b"this is no archive" * 100, "initramfs: "),
        "compressed": (gzip.compress(good), "initramfs: "),
        "cut in the data": (good[:3000], "initramfs: "),
        "cut in a header": (good[:150], "initramfs: "),
        "without an end": (good[: good.rindex(b"070701")], "initramfs: "),
        "size beyond all": (good.replace(b"00001388", b"fffffff0"), "initramfs: "),
    }


@pytest.mark.parametrize("what", archives())
def test_bad_initramfs_is_named(boot, make_iso, what):
    archive, sentence = archives()[what]
    done = boot("init=/bin/init", iso=make_iso(archive), smp=1, timeout=HANG)
    refused(done, CANNOT_RUN, rf"boot: {sentence}")


@pytest.mark.parametrize(
    "knob",
    ["nonsense", "maxcpus=0", "maxcpus=many", "maxcpus=-1", "maxcpus=99999999999", "maxcpus",
     "init=", "init", "poweroff=perhaps", "quiet=yes", "INIT=/bin/compare"],
)  # fmt: skip
def test_bad_knob_is_named(boot, knob):
    done = boot(f"{knob}", smp=1, timeout=HANG)
    refused(done, CANNOT_RUN, rf"boot: command line: {re.escape(knob)}: \w")


def test_too_many_arguments_are_refused(boot):
    done = boot("init=/bin/compare -- " + "x " * 64, smp=1, timeout=HANG)
    refused(done, CANNOT_RUN, "boot: command line: .*too many arguments")


def screen_text(memory: bytes) -> str:
    return memory[::2].decode("cp437")


@pytest.mark.parametrize(
    "cpu, sentence",
    [
        ("qemu32", "this CPU has no long mode"),
        ("qemu64,-lm", "this CPU has no long mode"),
        ("Haswell,-nx", "this CPU has no NX"),  # and cannot be given it
        ("qemu64,-syscall", "this CPU has no SYSCALL"),
        ("max,-cmov", "this CPU has no TSC, MSRs, PAE or CMOV"),
        ("max,-tsc", "this CPU has no TSC, MSRs, PAE or CMOV"),
    ],
)
def test_cpu_that_lacks_what_is_needed_is_told_on_serial_and_screen(boot, tmp_path, cpu, sentence):
    done = boot("init=/bin/compare", smp=1, cpu=cpu, timeout=HANG)
    done.one(sentence)
    assert done.status == 125, done.log
    screen = tmp_path / "screen"

    def look(line, qmp):
        if sentence not in line:
            return
        for _ in range(100):  # the screen is drawn when the serial port has said it
            qmp.execute("pmemsave", val=0xB8000, size=0x8000, filename=str(screen))
            if sentence in screen_text(screen.read_bytes()):
                break
            time.sleep(0.05)
        qmp.execute("quit")

    boot("init=/bin/compare", smp=1, cpu=cpu, timeout=HANG, exit_device=False, on_line=look)
    assert sentence in screen_text(Path(screen).read_bytes())
