"""Time and power: which counter tells the TSC's rate, how the machine goes off, starts again, or waits for
somebody to read its screen."""

from __future__ import annotations

import os
import re
import socket
import struct
import time

import pytest
from conftest import ROOT, Boot, NoExitDevice, runner
from firmware import Firmware
from gdbstub import debugged

FADT_PM_TIMER, FADT_BOOT_ARCH, FADT_FLAGS = 76, 109, 112
FADT_X_PM_TIMER, FADT_SLEEP_CONTROL, FADT_SIZE = 208, 244, 268
FLAG_RESET_REGISTER, FLAG_HARDWARE_REDUCED = 1 << 10, 1 << 20
SLEEP_CONTROL = 0x505  # a port of ours
FREE_MEMORY = 0x1000  # nobody's on a PC, once its firmware has started the loader
SAID = r"^\[ *\d+\.\d+\] power: "  # by the kernel: a program's line could say the like
PATIENCE = 60  # seconds


def rate_of(done) -> tuple[str, int]:
    """By what the clock goes, and its error; checks that it goes right: with -icount the TSC runs at
    1 GHz, exactly."""
    clock = done.one(r"cpu: .* TSC (\d+\.\d+) GHz \((.*), error (\d+) ppm, ")
    assert abs(float(clock[1]) - 1) <= 0.001
    return clock[2], int(clock[3])


def rates_of(done) -> dict[str, int]:
    """What each counter measured; checks that each is right within the error that it states."""
    line = done.one(r"time: TSC (\d+ kHz by .*)$")[1]
    found = re.findall(r"(\d+) kHz by ([\w ]+) \((\d+) ppm\)", line)
    assert len(found) == line.count("kHz")
    for khz, name, error in found:
        assert 0 < int(error) < 1000, line
        assert abs(int(khz) - 1_000_000) <= int(error) + 1, f"{name}: {line}"
    return {name: int(khz) for khz, name, _ in found}


def ends_by_itself(done, last: str) -> None:
    """QEMU ends with 0 and no verdict, as it does when the guest switches it off or resets it."""
    assert (done.status, done.qemu_status) == (98, 0), done.log
    assert re.search(f"{SAID}({last})$", done.lines[-1]), done.log


def asked_while_others_work(done, what: str) -> None:
    """By /test/reboot, with three programs that write, and three that compute, on all CPUs. Its unfinished
    line is another's to end, or the kernel's."""
    asks = f"^(a line without an end)?{SAID[1:]}reboot asks for {what}$"
    done.one(asks)
    before = done.lines[: next(i for i, line in enumerate(done.lines) if re.search(asks, line))]
    assert before.count("# at work") == 3, done.log
    assert before.count("# all are at work") == 1, done.log
    assert not done.find("still there|did not stop"), done.log


def test_rate_is_right_by_each_of_three_counters_within_the_stated_error(boot):
    done = boot("init=/test/exit_42", smp=1, icount=True).check(42)
    assert list(rates_of(done)) == ["PIT", "ACPI PM timer", "HPET"]
    assert rate_of(done)[0] == "PIT"
    assert not done.find("disagrees|does not count")


def test_without_pit_and_hpet_the_pm_timer_tells(boot):
    done = boot("init=/test/exit_42", smp=1, machine="pc,pit=off,hpet=off", icount=True).check(42)
    done.one(r"time: the PIT does not count$")
    assert list(rates_of(done)) == ["ACPI PM timer"]
    assert rate_of(done)[0] == "ACPI PM timer"


@pytest.fixture
def patched(tmp_path):
    """patched(signature, change, append, ...): boots with one of the firmware's tables changed."""

    def start(signature, change, append, exit_device=True, until="", **machine) -> Boot:
        kind = runner.Machine if exit_device else NoExitDevice
        image = str(ROOT / "build/both/test.iso")
        with debugged(tmp_path, kind(iso=image, append=append, **machine)) as session:
            Firmware(session.gdb).change(signature, change, FREE_MEMORY)
            return session.end(until)

    return start


def without_pm_timer(fadt: bytearray) -> None:
    fadt[FADT_PM_TIMER : FADT_PM_TIMER + 4] = bytes(4)
    if len(fadt) > FADT_X_PM_TIMER:
        fadt[FADT_X_PM_TIMER : FADT_X_PM_TIMER + 12] = bytes(12)


def hardware_reduced(fadt: bytearray) -> None:
    """As if the machine had nothing of the old PC, and a sleep control register."""
    fadt.extend(bytes(FADT_SIZE - len(fadt)))
    fadt[8] = 5  # the revision from when on the flags mean something
    struct.pack_into("<HBI", fadt, FADT_BOOT_ARCH, 1 << 2 | 1 << 5, 0, FLAG_HARDWARE_REDUCED)
    struct.pack_into("<BBBBQ", fadt, FADT_SLEEP_CONTROL, 1, 8, 0, 1, SLEEP_CONTROL)


def test_machine_with_nothing_of_the_old_pc_runs_by_the_hpet_and_is_switched_off(patched):
    """No 8254, 8259, 8042 is there; RTC, PM timer and PM1 registers are denied. For the sleep control
    register stands a device that ends QEMU, and says what was written: SLP_EN, and S5's SLP_TYP, 0."""
    register = ["-device", f"isa-debug-exit,iobase={SLEEP_CONTROL},iosize=1"]
    done = patched("FACP", hardware_reduced, "init=/test/exit_42", smp=2, exit_device=False, extra=register,
                   machine="q35,pit=off,pic=off,i8042=off", icount=True)  # fmt: skip
    assert done.qemu_status == (1 << 5 | 0) << 1 | 1, done.log
    assert re.search(f"{SAID}off, status 42$", done.lines[-1])
    done.one(r"acpi: FADT: no PC hardware \(hardware-reduced\) 8042 VGA RTC$")
    done.one(r"time: no wall clock \(the FADT says so\): it is 1970$")
    assert list(rates_of(done)) == ["HPET"]
    assert rate_of(done)[0] == "HPET"
    assert not done.find("PIT")


def test_without_any_counter_the_rate_is_a_guess_that_says_so_and_programs_run(patched):
    done = patched("FACP", without_pm_timer, "init=/test/runner -- /test/time=0 /test/exit_42=42", smp=2,
                   machine="pc,pit=off,hpet=off", icount=True)  # fmt: skip
    done.check_ktap()
    assert rate_of(done) == ("a guess: no source told it", 1_000_000)


def test_machine_is_switched_off_by_acpi(boot):
    """Without QEMU's exit device, as on real machines."""
    done = boot("init=/bin/compare", smp=2, machine="q35", exit_device=False)
    ends_by_itself(done, "off, status 0")


def test_program_switches_the_machine_off_while_others_are_at_work(boot):
    done = boot("init=/test/reboot -- off", smp=4, machine="pc", exit_device=False)
    asked_while_others_work(done, "power-off")
    ends_by_itself(done, "off, status 0")


def test_power_off_by_a_program_is_a_verdict_too(boot):
    done = boot("init=/test/reboot -- off", smp=2).check(0)
    asked_while_others_work(done, "power-off")
    assert re.search(f"{SAID}off, status 0$", done.lines[-1])


def restarted(done, resets) -> None:
    asked_while_others_work(done, "restart")
    ends_by_itself(done, "restart|no reset by .*")
    done.one(f"{SAID}restart$")
    text = resets.read_text()
    assert "CPU Reset" in text


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_program_restarts_the_machine_by_register_or_8042(boot, tmp_path, machine):
    """q35 has a reset register in its FADT, pc has none."""
    resets = tmp_path / "resets"
    done = boot("init=/test/reboot -- restart", smp=4, machine=machine, exit_device=False,
                extra=["-d", "cpu_reset", "-D", str(resets)])  # fmt: skip
    restarted(done, resets)
    assert "Triple fault" not in resets.read_text()
    assert not done.find("no reset by")


def test_machine_without_register_and_8042_is_restarted_by_a_triple_fault(patched, tmp_path):
    def change(fadt):
        flags = struct.unpack_from("<I", fadt, FADT_FLAGS)[0] & ~FLAG_RESET_REGISTER
        struct.pack_into("<I", fadt, FADT_FLAGS, flags)

    resets = tmp_path / "resets"
    done = patched("FACP", change, "init=/test/reboot -- restart", smp=2, machine="q35,i8042=off",
                   exit_device=False, extra=["-d", "cpu_reset", "-D", str(resets)])  # fmt: skip
    restarted(done, resets)
    assert "Triple fault" in resets.read_text()


def test_program_halts_the_machine_and_all_its_cpus(boot):
    """By QEMU's word, since whoever ran on might be silent."""
    seen = []

    def switch_off(line, qmp):
        if "power: halted" in line:
            deadline = time.monotonic() + PATIENCE
            while set(seen) != {"1"} and time.monotonic() < deadline:
                time.sleep(0.02)
                text = qmp.execute("human-monitor-command", **{"command-line": "info registers -a"})
                seen[:] = re.findall(r"HLT=(\d)", text)
            qmp.execute("quit")

    done = boot("init=/test/reboot -- halt", smp=4, on_line=switch_off)
    assert seen == ["1"] * 4, f"HLT of the CPUs: {seen}\n{done.log}"
    asked_while_others_work(done, "halt")
    ends_by_itself(done, "halted")


def test_machine_without_s5_says_that_it_is_safe_to_switch_off(patched):
    def change(dsdt):
        at = dsdt.index(b"_S5_")
        dsdt[at : at + 4] = b"_S7_"

    done = patched("DSDT", change, "init=/test/exit_42", smp=2, exit_device=False, until="safe to")
    done.one(r"acpi: no \\_S5: the machine cannot switch itself off$")
    done.one("power: off, status 42$")
    assert done.lines[-1] == "The machine is halted: it is now safe to switch off."


def test_poweroff_off_leaves_the_machine_on_with_its_verdict_in_the_log(boot):
    def switch_off(line, qmp):
        if "poweroff=off: halted, status 42" in line:
            assert qmp.execute("query-status")["running"]
            qmp.execute("quit")

    done = boot("poweroff=off init=/test/exit_42", smp=2, on_line=switch_off)
    assert (done.status, done.qemu_status) == (98, 0), done.log


REAL = {"cpu": "max,-hypervisor", "exit_device": False}  # as good as a real machine
PROMPT = r"power: {}: press a key.* to switch off, r to restart$"


def press(key: str):
    def on_line(line, qmp):
        if "press a key" in line:
            qmp.execute("send-key", keys=[{"type": "qcode", "data": key}])

    return on_line


def test_refusal_stays_on_a_real_machines_screen_until_a_key_is_pressed(boot):
    done = boot("init=/not/there", smp=1, on_line=press("spc"), **REAL)
    done.one(PROMPT.format("status 127"))
    ends_by_itself(done, "off, status 127")


def test_panic_stays_on_a_real_machines_screen_until_a_key_restarts_it(boot):
    done = boot("init=/test/exit_42", smp=2, fault="missing_swapgs", on_line=press("r"), **REAL)
    assert done.find(r"panic: CPU \d: double fault")
    done.one(PROMPT.format("panic"))
    ends_by_itself(done, "restart")


def test_real_machine_with_poweroff_on_asks_nobody(boot):
    done = boot("poweroff=on init=/test/exit_42", smp=1, **REAL)
    ends_by_itself(done, "off, status 42")
    assert not done.find("press a key")


class NoSerialPort(NoExitDevice):
    def command(self) -> list[str]:
        command = super().command()
        command[command.index("stdio")] = "none"
        return [*command, "-no-shutdown"]  # a power-off leaves the screen


def test_real_machine_without_serial_port_shows_compares_table_until_a_key_is_pressed(tmp_path):
    """A screen and a keyboard are all there is: what is on the screen is read from text memory."""
    memory = tmp_path / "memory"

    def screen(qmp) -> list[str]:
        qmp.execute("pmemsave", val=0xB8000, size=0x8000, filename=str(memory))
        text = memory.read_bytes()[::2].decode("cp437")
        lines = [text[i : i + 80].rstrip("\0 ") for i in range(0, len(text) - 79, 80)]
        return [line for line in lines if line]

    def wait_for(qmp, what: str) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while True:
            lines = screen(qmp)
            if any(re.search(SAID + what, line) for line in lines):
                return lines
            assert time.monotonic() < deadline, "\n".join(lines)
            time.sleep(0.05)

    line = f"{os.environ.get('CMDLINE', '')} init=/bin/compare -- --calls 200".strip()
    image = str(ROOT / "build/both/sallyport.iso")
    machine = NoSerialPort(iso=image, append=line, smp=2, cpu=REAL["cpu"])
    with debugged(tmp_path, machine) as session:
        qmp = session.qmp
        assert "isa-serial" not in qmp.execute("human-monitor-command", **{"command-line": "info qtree"})
        session.gdb.go_on()
        lines = wait_for(qmp, "status 0: press a key to switch off, r to restart$")
        assert len([row for row in lines if re.match(r" +\d  (int 0x80|syscall) +[\d,]+ ", row)]) == 4
        time.sleep(0.3)
        assert qmp.execute("query-status")["running"], "nobody has pressed a key"
        qmp.execute("send-key", keys=[{"type": "qcode", "data": "spc"}])
        wait_for(qmp, "off, status 0$")
        deadline = time.monotonic() + PATIENCE
        while qmp.execute("query-status")["status"] != "shutdown":
            assert time.monotonic() < deadline, "it is still on"
            time.sleep(0.05)


class SocketPort(NoExitDevice):
    """Its console can be typed at, by a socket."""

    path = ""

    def command(self) -> list[str]:
        command = super().command()
        at = command.index("-serial")
        port = f"socket,id=port,path={self.path},server=on,wait=off,logfile=/dev/stdout"
        return command[:at] + ["-chardev", port, "-serial", "chardev:port"] + command[at + 2 :]


def test_without_a_ps2_keyboard_the_serial_port_is_asked(tmp_path):
    typed = []

    def answer(line, _qmp):
        if "press a key" in line:
            port = socket.socket(socket.AF_UNIX)
            port.connect(machine.path)
            port.sendall(b"r")
            typed.append(port)

    machine = SocketPort(iso=str(ROOT / "build/both/test.iso"), append="init=/test/exit_42", smp=2,
                         cpu="max,-hypervisor", machine="q35,i8042=off")  # fmt: skip
    machine.path = str(tmp_path / "port")
    result = runner.run(machine, 120, on_line=answer)
    done = Boot(result.status, result.qemu_status, result.log)
    done.one(r"status 42: press a key \(on the serial port: there is no PS/2 keyboard\) to switch off")
    ends_by_itself(done, "restart")
