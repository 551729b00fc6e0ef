"""What make refuses and with which words, and that its output depends on the sources alone."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=kept | environment, capture_output=True, text=True
    )


def refused(done, sentence):
    assert done.returncode == 2
    assert sentence in done.stderr, done.stderr


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """One file of each kind that PROG= might name by mistake, and the two that are right."""
    folder = tmp_path_factory.mktemp("programs")
    source = folder / "source.c"
    source.write_text("int main(void) { return 0; }\n")
    for name, flags in {
        "static": ["-static"],
        "static-pie": ["-static-pie"],
        "dynamic": [],
        "library": ["-shared", "-fPIC"],
        "object": ["-c"],
        "with space": ["-static"],
    }.items():
        subprocess.run(["gcc", *flags, "-o", folder / name, source], check=True)
    foreign = bytearray((folder / "static").read_bytes())
    foreign[18:20] = (183).to_bytes(2, "little")  # e_machine: AArch64
    (folder / "foreign").write_bytes(foreign)
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    return folder


@pytest.mark.parametrize("entry", ["none", "both int", "INT", "int syscall"])
def test_entry_that_is_no_choice_of_doors_is_refused_with_the_choices(entry):
    refused(make("kernel", f"ENTRY={entry}"), "say ENTRY=both, ENTRY=int or ENTRY=syscall")


def test_fault_that_nobody_planted_is_refused():
    refused(make("kernel", "FAULT=nowhere"), "FAULT=nowhere is not planted anywhere")


@pytest.mark.parametrize("target", ["exact", "irqsoff", "report", "peer", "debug"])
def test_what_only_qemu_can_do_is_refused_with_another_emulator(target):
    refused(make(target, "EMULATOR=bochs"), "exact, irqsoff, report, peer and debug want QEMU")


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("missing", "is not there"),
        ("folder", "is a folder"),
        ("empty", "is not an ELF"),
        ("source.c", "is not an ELF"),
        ("foreign", "not for x86-64"),
        ("object", "not an executable"),
        ("dynamic", "is dynamic: link it with -static"),
        ("library", "is a library, not a program"),
        ("with space", "has a name that init= cannot carry"),
    ],
)
def test_program_that_cannot_run_is_refused_with_the_reason(programs, name, sentence):
    done = subprocess.run(
        ["tools/check-elf", programs / name], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["static", "static-pie"])
def test_static_program_is_accepted(programs, name):
    subprocess.run(["tools/check-elf", programs / name], cwd=ROOT, check=True)


def test_make_run_stops_at_a_program_that_cannot_run(programs):
    refused(make("run", f"PROG={programs / 'dynamic'}"), "is dynamic: link it with -static")


def test_second_make_all_does_nothing():
    make("all")
    assert "Nothing to be done for 'all'" in make("all").stdout


def test_same_input_gives_the_same_image(tmp_path):
    (tmp_path / "kernel").write_bytes(os.urandom(5000))
    digests = set()
    for name in ["one.iso", "another-name.iso"]:
        subprocess.run(
            ["tools/mkiso", tmp_path / name, "both", tmp_path / "kernel", tmp_path / "kernel"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "1700000000"},
            check=True,
        )
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        (tmp_path / "kernel").touch()
    assert len(digests) == 1
