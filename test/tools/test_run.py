"""The runner: what it asks of QEMU and of Bochs, and what it makes of how they end."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
import bochs  # noqa: E402
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


def gone(pid: int) -> bool:
    """Whether the process has ended, within 20 seconds."""
    deadline = time.monotonic() + 20
    file = Path(f"/proc/{pid}/cmdline")
    with contextlib.suppress(FileNotFoundError):
        while file.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not file.read_text()
    return True


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
    assert gone(pid)


# -- UEFI --------------------------------------------------------------------------------------------


def test_uefi_gets_its_code_read_only_and_variables_that_are_forgotten():
    command = runner.Machine(firmware="uefi", append="init=/bin/x").command()
    flash = [command[i + 1] for i, word in enumerate(command) if word == "-drive"]
    code, variables = runner.ovmf()
    assert flash == [
        f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
        f"if=pflash,format=raw,unit=1,snapshot=on,file={variables}",
    ]
    assert [word for word in command if word not in flash and word != "-drive"] == (
        runner.Machine(append="init=/bin/x").command()
    )


def test_the_pair_of_firmware_that_is_there_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "OVMF", tmp_path)
    assert runner.Machine(firmware="uefi").missing() == str(tmp_path / "OVMF_CODE_4M.fd")
    for name in ("OVMF_CODE_4M.fd", "OVMF_CODE.fd", "OVMF_VARS.fd"):
        (tmp_path / name).touch()
    assert runner.ovmf() == (tmp_path / "OVMF_CODE.fd", tmp_path / "OVMF_VARS.fd")
    assert runner.Machine(firmware="uefi").missing() is None


# -- Bochs -------------------------------------------------------------------------------------------

MENU = """smbios --type 11 --get-string 4 --set=oem
if regexp "$oem"; then
    smbios --type 1 --get-string 25 --set=madt
fi
"""
REFUSED = "boot: multiboot2 information: too long\n" + OFF + "126\n" + bochs.HALTED + "\n"
WAITING = "[  1.234] power: {}: press a key to switch off, r to restart\n"
PANICKED = "[  1.234] panic: CPU 0: double fault\n[  1.235] panic:  ffffffff80100000 entry\n"


@pytest.mark.parametrize(
    "cause, log, status, programs",
    [
        (bochs.POWER_OFF, "hello\n" + OFF + "0\r\n", 0, True),
        (bochs.POWER_OFF, OFF + "139\n", 139, True),
        (bochs.POWER_OFF, OFF + "256\n", 98, False),
        (bochs.POWER_OFF, OFF + "0\nand more\n", 98, False),
        (bochs.POWER_OFF, PANICKED, 99, False),
        ("", PANICKED + bochs.HALTED + "\n", 99, False),
        ("", REFUSED, 126, True),  # it halts: there is nothing yet to switch off by
        ("", WAITING.format("status 126"), 126, True),
        ("", PANICKED + WAITING.format("panic"), 99, False),
        ("", OFF + "0\n", 98, False),  # any program can print that, and hang
        ("exception(): 3rd (13) exception with no resolution", OFF + "0\n", 98, False),
        ("cpu directive malformed.", "", 97, False),
    ],
)
def test_status_in_bochs_follows_how_it_ended_and_the_last_line(cause, log, status, programs):
    assert bochs.status_of(cause, log) == (status, programs)


@pytest.mark.parametrize(
    "log, over",
    [
        ("", False),
        (OFF + "3\n", True),
        (OFF + "3\r\n" + bochs.HALTED + "\r\n", True),
        (PANICKED, True),
        (WAITING.format("panic"), True),
        (WAITING.format("status 126"), True),
        (WAITING.format("status 0"), False),  # as it was asked to
        (PANICKED + "hello\n", False),
        ("[  1.000] init: /bin/x\n", False),
    ],
)
def test_silence_ends_a_machine_in_bochs_only_behind_the_kernels_last_word(log, over):
    assert bochs.is_over(log) == over


def test_command_line_and_madt_are_written_into_the_menu_for_bochs():
    text = bochs.Bochs(append="init=/bin/x -- 'a b' $c", madt="phantom").menu(MENU)
    assert text.splitlines() == [
        """set oem='sallyport:poweroff=on init=/bin/x -- '"'"'a b'"'"' '"'"'$c'"'"''""",
        'if regexp "$oem"; then',
        "    set madt=phantom",
        "fi",
    ]
    assert bochs.Bochs().menu(MENU) == MENU
    with pytest.raises(runner.Refused):
        bochs.Bochs(append="").menu("menuentry x {}\n")


def test_settings_of_bochs_say_how_many_cpus_of_which_model_and_how_much_memory():
    text = bochs.Bochs(smp=8, mem="1G", cpu="ryzen").settings("/folder", 7)
    assert "\ncpu: model=ryzen, count=8, " in text and "\nmemory: guest=1024, host=1024\n" in text
    assert "dev=/proc/self/fd/7" in text
    text = bochs.Bochs().settings("/folder", 7)
    assert f"\ncpu: model={bochs.CPU}, count=4, " in text


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--accel", "kvm", "--machine", "pc"], "Bochs offers no choice of accel, machine; QEMU does"),
        (["--firmware", "uefi"], "Bochs offers no choice of firmware; QEMU does"),
        (["--gdb"], "Bochs offers no choice of gdb; QEMU does"),
        (["--smp", "2,cores=2"], "with Bochs the number of CPUs is a number, not 2,cores=2"),
        (["--mem", "1T"], "with Bochs memory is in M or G, not 1T"),
    ],
)
def test_what_bochs_cannot_do_is_refused_in_a_sentence(words, sentence):
    done = subprocess.run(
        [ROOT / "tools/run", "--emulator", "bochs", *words], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (97, f"run: {sentence}\n")


FAKE_XVFB = "#!/bin/sh\necho $$ >{folder}/xvfb\neval \"echo 5 >&$2\"\nexec sleep 60\n"
FAKE_XORRISO = """#!/bin/sh
while [ $# -gt 1 ]; do
    case $1 in -extract) printf '%s' '{menu}' >"$3" ;; -outdev) touch "$2" ;; esac
    shift
done
"""


@pytest.fixture
def fake_bochs(tmp_path):
    """fake_bochs(words of a shell, *arguments): tools/run with these words in the place of Bochs, where
    $port is its serial port and $log its log."""
    (tmp_path / "Xvfb").write_text(FAKE_XVFB.format(folder=tmp_path))
    (tmp_path / "xorriso").write_text(FAKE_XORRISO.format(menu=MENU))
    setting = "$(sed -n 's,^{}.*[ =]\\(/[^ ]*\\)$,\\1,p' \"$3\")"

    def start(words: str, *arguments: str) -> subprocess.Popen:
        (tmp_path / "bochs").write_text(
            f"#!/bin/sh\necho $$ >{tmp_path}/pid\nport={setting.format('com1:')}\n"
            f"log={setting.format('log:')}\n{words}\n"
        )
        for name in ("bochs", "Xvfb", "xorriso"):
            (tmp_path / name).chmod(0o755)
        return subprocess.Popen(
            [ROOT / "tools/run", "--emulator", "bochs", "--iso", ROOT / "README.md", "--append", "x",
             *arguments],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    return start


def test_bochs_is_relayed_and_its_own_status_means_nothing(fake_bochs, tmp_path):
    words = f"echo '{OFF}7' >$port; echo '1p[ACPI ] >>PANIC<< {bochs.POWER_OFF}' >$log; exit 5"
    out, errors = (process := fake_bochs(words)).communicate(timeout=60)
    assert (process.returncode, out, errors) == (7, OFF + "7\n", "")
    assert gone(int((tmp_path / "xvfb").read_text()))


def test_why_bochs_did_not_start_is_told(fake_bochs):
    words = "echo '0p[SIM ] >>PANIC<< bochsrc:8: cpu directive malformed.'; exit 1"
    out, errors = (process := fake_bochs(words)).communicate(timeout=60)
    assert (process.returncode, out) == (97, "")
    assert errors.splitlines() == [
        "bochs: bochsrc:8: cpu directive malformed.", f"run: {runner.MEANINGS[97]}"
    ]  # fmt: skip


def test_bochs_that_does_not_end_is_ended_at_the_timeout(fake_bochs, tmp_path):
    process = fake_bochs("echo hello >$port; exec sleep 60", "--timeout", "1")
    out, errors = process.communicate(timeout=50)
    assert (process.returncode, out) == (124, "hello\n")
    assert errors == "run: not at its end after 1 s; stopped\n"
    assert gone(int((tmp_path / "pid").read_text())) and gone(int((tmp_path / "xvfb").read_text()))


def test_neither_bochs_nor_its_display_outlives_a_runner_that_is_killed(fake_bochs, tmp_path):
    process = fake_bochs("echo hello >$port; exec sleep 60")
    assert process.stdout.readline() == "hello\n"
    process.kill()
    process.wait()
    assert gone(int((tmp_path / "pid").read_text())) and gone(int((tmp_path / "xvfb").read_text()))
