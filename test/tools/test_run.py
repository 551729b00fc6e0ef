"""The QEMU runner: what it asks of QEMU, and what it makes of QEMU's end."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True  # no run.pyc beside tools/run
loader = importlib.machinery.SourceFileLoader("run", str(ROOT / "tools/run"))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
sys.modules["run"] = runner
loader.exec_module(runner)

OFF = "[  1.234] power: off, status "


@pytest.mark.parametrize(
    "qemu_status, log, status",
    [
        (runner.PASSED, OFF + "0\n", 0),
        (runner.PASSED, "no line at all\n", 0),
        (runner.FAILED, "hello\r\n" + OFF + "3\r\n", 3),
        (runner.FAILED, OFF + "255", 255),
        (runner.PANICKED, OFF + "0\n", 99),
        (0, OFF + "0\n", 98),
        (1, "", 97),
        (-9, OFF + "0\n", 97),
    ],
)
def test_status_follows_verdict_and_last_line(qemu_status, log, status):
    assert runner.status_of(qemu_status, log) == status


@pytest.mark.parametrize(
    "log",
    [
        "",
        OFF + "0\n",  # a failed verdict is never a success
        OFF + "256\n",
        OFF + "3\nand more\n",
        "x" + OFF + "3\n",
        OFF + "-1\n",
    ],
)
def test_failed_verdict_without_a_status_is_a_failure_all_the_same(log):
    assert runner.status_of(runner.FAILED, log) == 125


def test_passed_verdict_that_the_last_line_contradicts_is_no_success():
    assert runner.status_of(runner.PASSED, OFF + "3\n") == 98


def test_command_line_reaches_qemu_quoted_for_grub_with_commas_doubled():
    command = runner.Machine(append="init=/bin/x -- 'a b' $c,d").command()
    assert command[command.index("-smbios") + 1] == (
        "type=11,value=sallyport:init=/bin/x -- 'a b' '$c,,d'"
    )


def test_menu_is_shown_only_without_a_command_line():
    assert "-smbios" not in runner.Machine().command()
    assert "-smbios" in runner.Machine(append="").command()


def test_counting_instructions_is_asked_for_by_icount_only():
    assert "-icount" not in runner.Machine().command()
    command = runner.Machine(icount=True).command()
    assert command[command.index("-icount") + 1] == "shift=0,sleep=off"


def test_second_serial_port_goes_to_the_record_behind_the_console():
    command = runner.Machine(record="out/r.jsonl").command()
    ports = [command[i + 1] for i, word in enumerate(command) if word == "-serial"]
    assert ports == ["stdio", "file:out/r.jsonl"]
    assert runner.Machine().command().count("-serial") == 1


def test_another_kernel_is_booted_in_the_same_machine_without_the_iso():
    ours = runner.Machine(append="lab=on", smp=3, record="r").command()
    linux = runner.Machine(kernel="vmlinuz", initrd="i", append="quiet -- a,b", smp=3, record="r").command()
    end = ours.index("-cdrom")
    assert linux[:end] == ours[:end]
    assert linux[end:] == ["-kernel", "vmlinuz", "-initrd", "i", "-append", "quiet -- a,b"]


def test_missing_qemu_is_a_sentence():
    done = subprocess.run(
        [ROOT / "tools/run", "--iso", ROOT / "README.md"],
        env={"PATH": "/nowhere"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    sentence = "run: qemu-system-x86_64 is not there; `make deps` installs it\n"
    assert (done.returncode, done.stderr) == (97, sentence)
