"""redoor rewrites doors, all doors, and nothing but doors; and it refuses where it cannot know.

The inputs are built here, from assembly where a byte matters and from C where a libc does. What
redoor says is compared with objdump, a decoder it does not use.
"""

import os
import random
import re
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "tools" / "redoor"
SYSCALL, INT = b"\x0f\x05", b"\xcd\x80"
NOTE_AT = 15  # in e_ident: redoor's note that every int 0x80 was a syscall

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
THREADS = """
#include <pthread.h>
#include <stdio.h>
static void *thread(void *value) { return value; }
int main(void)
{
    pthread_t id;
    void *value;
    if (pthread_create(&id, 0, thread, "joined") || pthread_join(id, &value))
        return 1;
    puts(value);
    return 0;
}
"""
BUILDS = {
    "musl": (HELLO, ["musl-gcc", "-O2", "-static"]),
    "musl with threads": (THREADS, ["musl-gcc", "-O2", "-static"]),
    "glibc with threads": (THREADS, ["gcc", "-O2", "-static", "-no-pie"]),
    "glibc static-pie": (THREADS, ["gcc", "-O2", "-static-pie"]),
}
EXIT = "xor edi, edi\nmov eax, 60\nsyscall\n"


def command(*args: object) -> str:
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def redoor(tmp_path_factory):
    """Runs redoor, built with the sanitizers; gives status, stdout, stderr."""
    tool = tmp_path_factory.mktemp("redoor") / "redoor"
    command("gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
            "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
            "-o", tool, *sorted(SOURCES.glob("*.c")), "-lcapstone", "-lelf")  # fmt: skip

    def run(*args: object) -> tuple[int, str, str]:
        done = subprocess.run([tool, *args], capture_output=True, text=True, check=False)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """The libc programs by name, each also stripped; and Debian's busybox."""
    folder = tmp_path_factory.mktemp("programs")
    built = {"busybox": Path("/bin/busybox")}
    for name, (source, compiler) in BUILDS.items():
        (folder / "source.c").write_text(source)
        built[name] = folder / name.replace(" ", "-")
        command(*compiler, "-o", built[name], folder / "source.c")
        built[name + ", stripped"] = folder / (name.replace(" ", "-") + "-stripped")
        command("strip", "-o", built[name + ", stripped"], built[name])
    return built


ALL = ["busybox", *BUILDS, *(name + ", stripped" for name in BUILDS)]


@pytest.fixture
def assemble(tmp_path):
    """A static program from nasm source, as a path."""

    def build(source: str, name: str = "program", link: tuple = ()) -> Path:
        (tmp_path / f"{name}.asm").write_text("bits 64\ndefault rel\nglobal _start\n" + source)
        command("nasm", "-f", "elf64", "-o", tmp_path / f"{name}.o", tmp_path / f"{name}.asm")
        command("ld", *link, "-o", tmp_path / name, tmp_path / f"{name}.o")
        return tmp_path / name

    return build


def objdump_doors(path: Path) -> dict[int, str]:
    doors = {}
    for line in command("objdump", "-d", "-w", "--no-show-raw-insn", path).splitlines():
        if found := re.match(r"\s*([0-9a-f]+):\s+(syscall|int\s+\$0x80)\s*$", line):
            doors[int(found[1], 16)] = "syscall" if found[2] == "syscall" else "int 0x80"
    return doors


def listed(output: str) -> dict[int, str]:
    lines = (line.split("  ") for line in output.splitlines())
    return {int(fields[0], 16): fields[1] for fields in lines}


def differences(a: Path, b: Path) -> dict[int, tuple[bytes, bytes]]:
    """Runs of bytes in which two files of one size differ, the note aside."""
    x, y = a.read_bytes(), b.read_bytes()
    assert len(x) == len(y)
    runs: dict[int, tuple[bytes, bytes]] = {}
    for i, (one, other) in enumerate(zip(x, y)):
        if one != other and i != NOTE_AT and i - 1 not in runs:
            runs[i] = (x[i : i + 2], y[i : i + 2])
    return runs


def changed(output: str) -> int:
    return int(re.match(r"redoor: (\d+) ", output)[1])


def refused(result: tuple[int, str, str], path: Path, reason: str) -> bool:
    status, out, err = result
    one_line = err.count("\n") == 1 and err.startswith(f"redoor: {path}: ")
    assert (status, out) == (2, "") and one_line and re.search(reason, err), result
    return True


# -- what every program of a libc must show --------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_every_syscall_becomes_an_int_and_no_other_byte_changes(redoor, programs, tmp_path, name):
    before = objdump_doors(programs[name])
    status, out, err = redoor("--to", "int", programs[name], tmp_path / "out")
    assert (status, err) == (0, "")
    after = objdump_doors(tmp_path / "out")
    assert len(before) >= 20 and set(before.values()) == {"syscall"}
    assert after == {addr: "int 0x80" for addr in before}
    runs = differences(programs[name], tmp_path / "out")
    assert len(runs) == len(before) == changed(out)
    assert set(runs.values()) == {(SYSCALL, INT)}


@pytest.mark.parametrize("name", ALL)
def test_there_and_back_is_the_same_file(redoor, programs, tmp_path, name):
    assert redoor("--to", "int", programs[name], tmp_path / "int")[0] == 0
    assert redoor("--to", "syscall", tmp_path / "int", tmp_path / "back")[0] == 0
    assert (tmp_path / "int").read_bytes() != programs[name].read_bytes()
    assert (tmp_path / "back").read_bytes() == programs[name].read_bytes()


@pytest.mark.parametrize("name", ALL)
def test_the_list_agrees_with_objdump(redoor, programs, name):
    status, out, _ = redoor("--list", programs[name])
    assert status == 0 and listed(out) == objdump_doors(programs[name])


def test_a_threaded_glibc_program_has_more_than_a_hundred_doors_and_some_accidents(
    redoor, programs, tmp_path
):
    _, out, _ = redoor("--to", "int", programs["glibc with threads"], tmp_path / "out")
    assert changed(out) > 100
    assert re.search(r"\(\d+ byte pairs left alone: not instructions\)$", out)


def test_a_musl_program_is_shown_safe_for_syscall_even_without_the_note(redoor, programs, tmp_path):
    redoor("--to", "int", programs["musl"], tmp_path / "int")
    image = bytearray((tmp_path / "int").read_bytes())
    assert image[NOTE_AT] != 0
    image[NOTE_AT] = 0
    (tmp_path / "int").write_bytes(image)
    assert redoor("--to", "syscall", tmp_path / "int", tmp_path / "back")[0] == 0
    assert (tmp_path / "back").read_bytes() == programs["musl"].read_bytes()


@pytest.mark.parametrize("name", ["musl", "glibc with threads"])
def test_a_program_without_section_headers_is_read_by_its_segments(
    redoor, programs, tmp_path, name
):
    image = bytearray(programs[name].read_bytes())
    image[0x28:0x30] = bytes(8)  # e_shoff
    image[0x3A:0x40] = bytes(6)  # e_shentsize, e_shnum, e_shstrndx
    (tmp_path / "bare").write_bytes(image)
    status, out, err = redoor("--to", "int", tmp_path / "bare", tmp_path / "out")
    assert (status, err) == (0, "")
    assert changed(out) == len(objdump_doors(programs[name]))


def test_a_redoored_program_still_runs_after_the_way_back(redoor, programs, tmp_path):
    redoor("--to", "int", programs["glibc with threads"], tmp_path / "program")
    redoor("--to", "syscall", tmp_path / "program", tmp_path / "program")
    assert command(tmp_path / "program") == "joined\n"


# -- true instructions, and what only looks like one -----------------------------------------------


def test_door_bytes_inside_other_instructions_are_left_alone(redoor, assemble, tmp_path):
    program = assemble(
        "_start:\n"
        "lea rax, [rel $ + 7 + 0x050f]\n"  # displacement
        "mov eax, 0x0000050f\n"  # immediate
        "cmp al, 0x0f\nadd eax, 0x11223344\n"  # 3c [0f] [05] ..: across two instructions
        + EXIT
    )
    assert program.read_bytes().count(SYSCALL) == 4
    status, out, err = redoor("--to", "int", program, tmp_path / "out")
    assert (status, err) == (0, "")
    assert out == (
        f"redoor: 1 syscall -> int 0x80 in {program}"
        " (3 byte pairs left alone: not instructions)\n"
    )
    assert list(differences(program, tmp_path / "out").values()) == [(SYSCALL, INT)]


def test_a_door_with_a_useless_prefix_is_a_door(redoor, assemble, tmp_path):
    program = assemble("_start:\ndb 0x48\nsyscall\n" + EXIT)
    _, out, _ = redoor("--to", "int", program, tmp_path / "out")
    assert changed(out) == 2 and SYSCALL not in (tmp_path / "out").read_bytes()


def test_data_that_code_jumps_over_is_refused(redoor, assemble, tmp_path):
    program = assemble("_start:\njmp over\ndb 0x0f, 0x05\nover:\n" + EXIT)
    result = redoor("--to", "int", program, tmp_path / "out")
    assert refused(result, program, "cannot tell code from data.*0x401002.*no path leads there")


def test_door_bytes_in_text_behind_the_exit_are_refused(redoor, assemble, tmp_path):
    program = assemble("_start:\nlea rsi, [message]\n" + EXIT + 'message: db "x", 0x0f, 0x05, 6\n')
    assert refused(redoor("--to", "int", program, tmp_path / "out"), program, "cannot tell")


def test_door_bytes_behind_a_call_that_does_not_return_are_refused(redoor, assemble, tmp_path):
    program = assemble("leave: " + EXIT + "_start:\ncall leave\ndb 0x0f, 0x05, 6\n")
    assert refused(redoor("--to", "int", program, tmp_path / "out"), program, "cannot tell")


def test_a_table_whose_words_look_like_jumps_puts_its_neighbourhood_in_doubt(
    redoor, assemble, tmp_path
):
    # Only the sweep sees the table; it decodes, but its jump lands inside the mov at `called`.
    program = assemble(
        "_start:\n" + EXIT + "jmp short called + 1\nmov eax, 0x050f\n"
        "called: mov eax, 0x0000050f\nret\n"
    )
    assert refused(redoor("--to", "int", program, tmp_path / "out"), program, "does not decode")


def test_code_behind_a_breakpoint_is_code(redoor, assemble, tmp_path):
    program = assemble("_start:\nint3\n" + EXIT)
    assert changed(redoor("--to", "int", program, tmp_path / "out")[1]) == 1


def test_a_jump_past_a_lock_prefix_is_understood(redoor, assemble, tmp_path):
    program = assemble(
        "_start:\ntest edi, edi\njz alone\ndb 0xf0\nalone: cmpxchg [rsp + 0x050f], ecx\n" + EXIT
    )
    _, out, _ = redoor("--to", "int", program, tmp_path / "out")
    assert re.search(r" 1 syscall .*\(1 byte pair left alone", out)


def test_door_bytes_amid_bytes_that_do_not_decode_are_refused(redoor, assemble, tmp_path):
    program = assemble("_start:\n" + EXIT + "db 0x06, 0x0f, 0x05, 0x06\n")
    result = redoor("--to", "int", program, tmp_path / "out")
    assert refused(result, program, "what surrounds it does not decode")


def test_two_readings_that_disagree_are_refused(redoor, assemble, tmp_path):
    # From _start, b8 swallows the door as its immediate; the branch lands on it.
    program = assemble(
        "_start:\ntest edi, edi\njz inside\ndb 0xb8\ninside: syscall\nnop\nnop\n" + EXIT
    )
    assert refused(redoor("--to", "int", program, tmp_path / "out"), program, "decode it diff")


def test_data_that_does_not_decode_is_no_trouble_when_it_holds_no_door_bytes(
    redoor, assemble, tmp_path
):
    program = assemble("_start:\n" + EXIT + "db 0x06, 0x07, 0x06\n")
    assert redoor("--to", "int", program, tmp_path / "out")[0] == 0


def test_objects_and_loaded_constants_in_text_are_data(redoor, assemble, tmp_path):
    program = assemble(
        "_start:\nmov rax, [constant]\n" + EXIT + "align 16\n"
        "constant: dq 0x050f\nglobal table:data (end - table)\ntable: dq 0x050f\nend:\n"
    )
    _, out, _ = redoor("--to", "int", program, tmp_path / "out")
    assert re.search(r" 1 syscall .*\(2 byte pairs left alone", out)


def test_code_that_is_also_read_as_data_is_refused(redoor, assemble, tmp_path):
    program = assemble(
        "global twice:function\n_start:\nmov eax, [twice]\ncall twice\n"
        + EXIT
        + "twice: syscall\nret\n"
    )
    result = redoor("--to", "int", program, tmp_path / "out")
    assert refused(result, program, "read as data and run as code")


def test_a_function_behind_a_pointer_is_code_with_and_without_symbols(redoor, assemble, tmp_path):
    program = assemble(
        "_start:\nlea rax, [pointer]\ncall [rax]\n" + EXIT + "align 16\n"
        "behind: mov eax, 39\nsyscall\nret\nsection .data\npointer: dq behind\n"
    )
    for _ in range(2):
        assert changed(redoor("--to", "int", program, tmp_path / "out")[1]) == 2
        command("strip", program)


def test_the_list_names_the_symbol_and_the_offset(redoor, assemble):
    program = assemble(
        "global work:function\n_start:\ncall work\n" + EXIT + "work: nop\nint 0x80\nret\n"
    )
    assert redoor("--list", program)[1] == (
        "0x000000000040100c  syscall   _start+0xc\n0x000000000040100f  int 0x80  work+0x1\n"
    )


# -- doors that are to stay ------------------------------------------------------------------------


@pytest.mark.parametrize("to, kept", [("int", "syscall"), ("syscall", "int 0x80")])
def test_doors_in_the_raw_section_are_left_alone(redoor, assemble, tmp_path, to, kept):
    program = assemble(
        "_start:\ncall closed\nmov eax, 60\n"
        + ("syscall" if to == "int" else "int 0x80")
        + f"\nhlt\nsection .door_raw exec\nclosed: {kept}\nret\n"
    )
    status, out, _ = redoor("--to", to, program, tmp_path / "out")
    assert status == 0 and changed(out) == 1
    assert out.endswith("(1 left alone by request: .door_raw)\n")
    assert kept in objdump_doors(tmp_path / "out").values()
    assert ".door_raw: left alone" in redoor("--list", program)[1]


# -- int 0x80 preserves what syscall overwrites ----------------------------------------------------

DOOR = "mov eax, 39\nint 0x80\n"
NOTICED = {
    "reads rcx": "mov rdi, rcx\n",
    "reads r11 as an address": "mov rdi, [r11 + 8]\n",
    "shifts by cl": "shl edi, cl\n",
    "reads rcx after writing only its low byte": "mov cl, 1\nmov rdi, rcx\n",
    "reads ecx after a write that may not happen": "cmovz ecx, edi\nmov edi, ecx\n",
    "reads ecx after a search that may find nothing": "bsf ecx, edi\nmov edi, ecx\n",
    "reads it on one path of two": "test eax, eax\njz other\nxor ecx, ecx\nother: mov edi, ecx\n",
    "counts a string instruction": "rep stosb\n",
    "reads it behind a breakpoint": "int3\nmov edi, ecx\n",
    "loops on it": "again: loop again\n",
    "passes it to a function": "call takes_four\n",
    "passes it to a function it does not know": "call rbx\n",
    "jumps where nobody knows": "jmp rbx\n",
    "passes it through a door that preserves it": "call raw_door\nmov rdi, rcx\n",
}
DEAD = {
    "overwrites both": "mov rcx, rdi\nxor r11d, r11d\nmov rax, rcx\n",
    "returns": "",
    "calls a function of fewer arguments": "call takes_none\n",
    "goes through another door": "mov eax, 39\nint 0x80\nnop\n",
    "overwrites it on both paths": "test eax, eax\njz other\nmov ecx, 1\njmp on\n"
    "other: mov ecx, 2\non: mov edi, ecx\n",
}
REST = (
    "ret\nglobal takes_four:function\ntakes_four: mov rax, rcx\nret\n"
    "global takes_none:function\ntakes_none: mov ecx, edi\nmov eax, ecx\nret\n"
    "section .door_raw exec\nglobal raw_door:function\nraw_door: int 0x80\nmov rax, r11\nret\n"
)


def around(body: str) -> str:
    return (
        "global work:function\n_start:\ncall work\nmov eax, 60\nint 0x80\nhlt\n"
        "align 16\nwork:\n" + DOOR + body + REST
    )


@pytest.mark.parametrize("case", NOTICED)
def test_an_int_whose_rcx_or_r11_may_be_read_is_refused_by_address(
    redoor, assemble, tmp_path, case
):
    program = assemble(around(NOTICED[case]))
    result = redoor("--to", "syscall", program, tmp_path / "out")
    assert refused(result, program, r"int 0x80 at 0x401015 \(work\+0x5\) cannot become syscall")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", DEAD)
def test_an_int_behind_which_rcx_and_r11_are_dead_becomes_a_syscall(
    redoor, assemble, tmp_path, case
):
    program = assemble(around(DEAD[case]))
    status, out, err = redoor("--to", "syscall", program, tmp_path / "out")
    assert (status, err) == (0, "")
    assert changed(out) == 2 + (case == "goes through another door")


def test_a_program_that_had_an_int_of_its_own_gets_no_note(redoor, assemble, tmp_path):
    another = "section .text\nglobal two:function\ntwo: syscall\nret\n"
    program = assemble(around("mov rdi, rcx\n") + another)
    assert changed(redoor("--to", "int", program, tmp_path / "int")[1]) == 1
    result = redoor("--to", "syscall", tmp_path / "int", tmp_path / "out")
    assert refused(result, tmp_path / "int", r"work\+0x5\) cannot become syscall")


# -- what is no such program -----------------------------------------------------------------------


def poke(path: Path, offset: int, value: bytes) -> Path:
    image = bytearray(path.read_bytes())
    image[offset : offset + len(value)] = value
    path.write_bytes(image)
    return path


def test_what_is_not_a_static_x86_64_program_is_refused_in_one_sentence(
    redoor, assemble, tmp_path
):
    out, source = tmp_path / "out", tmp_path / "hello.c"
    source.write_text(HELLO)

    def compiled(name: str, *flags: str) -> Path:
        command("gcc", *flags, "-o", tmp_path / name, source)
        return tmp_path / name

    def written(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    def bare(name: str) -> Path:
        return assemble("_start:\n" + EXIT, name)

    (tmp_path / "32.asm").write_text("global _start\n_start: int 0x80\n")
    command("nasm", "-f", "elf32", "-o", tmp_path / "32.o", tmp_path / "32.asm")
    command("ld", "-m", "elf_i386", "-o", tmp_path / "32", tmp_path / "32.o")
    cases = [
        (written("empty", b""), "not an ELF file"),
        (written("script", b"#!/bin/sh\necho \x0f\x05\n" * 9), "not an ELF file"),
        (tmp_path, "not an ELF file"),
        (tmp_path / "32", "not a 64-bit ELF file"),
        (poke(bare("arm"), 18, struct.pack("<H", 183)), "not for x86-64"),
        (poke(bare("big"), 5, b"\x02"), "not for x86-64|bad ELF header"),
        (compiled("object", "-c"), "not a program but an object"),
        (compiled("dynamic", "-no-pie"), "dynamically linked: it asks for an interpreter"),
        (compiled("pie", "-pie", "-fPIE"), "dynamically linked"),
        (compiled("library", "-shared", "-fPIC"), "dynamically linked: it needs shared libraries"),
        (assemble("section .data\n_start: dq 1\n", "data"), "nothing in it is executable"),
        (poke(bare("entry"), 24, struct.pack("<Q", 0x1234)), "its entry point 0x1234 is not in"),
    ]
    for path, reason in cases:
        assert refused(redoor("--to", "int", path, out), path, reason)
        assert refused(redoor("--list", path), path, reason)
    assert not out.exists()


def test_a_file_cut_anywhere_is_refused_as_truncated(redoor, programs, tmp_path):
    whole = programs["musl"].read_bytes()
    for size in [16, 63, 64, 100, *range(1000, len(whole), 1777), len(whole) - 1]:
        (tmp_path / "cut").write_bytes(whole[:size])
        result = redoor("--to", "int", tmp_path / "cut", tmp_path / "out")
        assert refused(result, tmp_path / "cut", "truncated|bad ELF header"), size


def test_headers_damaged_at_random_never_crash_it(redoor, programs, tmp_path):
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    whole = programs["musl"].read_bytes()
    sections = struct.unpack_from("<Q", whole, 0x28)[0]
    headers = [*range(4, 0x40 + 56 * 6), *range(sections, len(whole))]
    for _ in range(150):
        image = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            image[chance.choice(headers)] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
        (tmp_path / "damaged").write_bytes(image)
        status, _, err = redoor("--to", "int", tmp_path / "damaged", tmp_path / "out")
        assert status in (0, 2) and err.count("\n") == (status == 2), err


def test_door_bytes_that_no_section_describes_are_refused(redoor, assemble, tmp_path):
    program = assemble("_start:\n" + EXIT + "section .hidden exec\nsyscall\nhlt\n")
    image = program.read_bytes()
    table = struct.unpack_from("<Q", image, 0x28)[0]
    count = struct.unpack_from("<H", image, 0x3C)[0]
    code = image.index(SYSCALL + b"\xf4")
    hidden = [
        header
        for header in range(table, table + 64 * count, 64)
        if struct.unpack_from("<Q", image, header + 24)[0] == code
    ]
    poke(program, hidden[0] + 8, bytes(8))  # no longer SHF_ALLOC
    assert refused(redoor("--list", program), program, "no section describes")


# -- files -----------------------------------------------------------------------------------------


def test_the_output_keeps_the_mode_and_may_be_the_input(redoor, assemble, tmp_path):
    program = assemble("_start:\n" + EXIT)
    program.chmod(0o751)
    before = program.read_bytes()
    assert redoor("--to", "int", program, program)[0] == 0
    assert program.read_bytes() != before
    assert stat.S_IMODE(program.stat().st_mode) == 0o751


def test_a_refusal_leaves_the_old_output_and_no_scraps(redoor, tmp_path):
    (tmp_path / "in").write_text("nothing")
    (tmp_path / "out").write_text("precious")
    assert redoor("--to", "int", tmp_path / "in", tmp_path / "out")[0] == 2
    assert (tmp_path / "out").read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["in", "out"]


def test_what_cannot_be_written_ends_with_status_1_and_no_scraps(redoor, assemble, tmp_path):
    program = assemble("_start:\n" + EXIT)
    (tmp_path / "folder" / "full").mkdir(parents=True)
    for out in (tmp_path / "folder", tmp_path / "nowhere" / "out"):
        status, _, err = redoor("--to", "int", program, out)
        assert status == 1 and err.startswith(f"redoor: {out}: ")
    assert not list(tmp_path.glob("folder.*"))
    assert redoor("--list", tmp_path / "missing")[0] == 1


@pytest.mark.parametrize("args", [[], ["--to"], ["--to", "both", "a", "b"], ["--list"], ["a", "b"]])
def test_wrong_arguments_get_the_usage(redoor, args):
    status, out, err = redoor(*args)
    assert status == 1 and out == "" and err.startswith("usage: redoor --to int|syscall IN OUT")


def test_clang_builds_it_without_a_warning(tmp_path):
    if not shutil.which("clang"):
        pytest.skip("no clang here")
    command("clang", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", tmp_path / "redoor",
            *sorted(SOURCES.glob("*.c")), "-lcapstone", "-lelf")  # fmt: skip
