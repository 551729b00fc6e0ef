"""The QEMU runner: what it asks of QEMU, and what it makes of QEMU's end."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
import machine as runner  # noqa: E402

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


def test_kvm_that_cannot_run_the_guest_on_ends_it_at_once(tmp_path):
    qemu = tmp_path / "qemu-system-x86_64"
    error = "warning: fewer CPUs\nKVM internal error. Suberror: 1\nRAX=1\nRAX=2"
    qemu.write_text(f"#!/bin/sh\necho hello; echo '{error}' >&2; exec sleep 60\n")
    qemu.chmod(0o755)
    start = time.monotonic()
    done = subprocess.run(
        [ROOT / "tools/run", "--iso", ROOT / "README.md", "--timeout", "50"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = "warning: fewer CPUs\nKVM internal error\nrun: the emulator could not start, or could not go on\n"
    assert (done.returncode, done.stdout, done.stderr) == (97, "hello\n", said)
    assert time.monotonic() - start < 40, "before its timeout"


def test_qemu_does_not_outlive_a_runner_that_is_killed(tmp_path):
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.write_text("#!/bin/sh\necho $$\nexec sleep 60\n")
    qemu.chmod(0o755)
    with subprocess.Popen(
        [ROOT / "tools/run", "--iso", ROOT / "README.md"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        pid = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
