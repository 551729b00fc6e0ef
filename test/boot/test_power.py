"""Time and power: which counter tells the TSC's rate, how the machine goes off, starts again, or waits for
somebody to read its screen."""

from __future__ import annotations

import re
import socket
import struct
import time

import pytest
from conftest import ROOT, Boot, NoExitDevice, runner
from gdbstub import debugged
from kernelfile import Kernel

FADT_DSDT, FADT_PM_TIMER, FADT_BOOT_ARCH, FADT_FLAGS = 40, 76, 109, 112
FADT_X_PM_TIMER, FADT_SLEEP_CONTROL, FADT_SIZE = 208, 244, 268
FLAG_RESET_REGISTER, FLAG_HARDWARE_REDUCED = 1 << 10, 1 << 20
SLEEP_CONTROL = 0x505  # a port of ours
FREE_MEMORY = 0x1000  # nobody's on a PC, once its firmware has started the loader
PIECE = 0x400  # bytes, of what goes through the debugger at once


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
    assert re.search(last, done.lines[-1]), done.log


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


class Tables:
    """The firmware's ACPI tables, where it has put them, through the debugger."""

    def __init__(self, gdb):
        self.gdb = gdb
        bios = self.read(0xE0000, 0x20000)
        pointer = next(at for at in range(0, len(bios), 16) if bios.startswith(b"RSD PTR ", at))
        self.root = struct.unpack_from("<I", bios, pointer + 16)[0]

    def read(self, address: int, size: int) -> bytearray:
        parts = [self.gdb.read(address + at, min(size - at, PIECE)) for at in range(0, size, PIECE)]
        return bytearray(b"".join(parts))

    def table(self, address: int) -> bytearray:
        return self.read(address, struct.unpack("<I", self.gdb.read(address + 4, 4))[0])

    def write(self, address: int, table: bytearray) -> None:
        struct.pack_into("<I", table, 4, len(table))
        table[9] = 0
        table[9] = -sum(table) % 256
        for at in range(0, len(table), PIECE):
            self.gdb.write(address + at, bytes(table[at : at + PIECE]))

    def change(self, signature: bytes, change) -> None:
        root = self.table(self.root)
        for at in range(36, len(root), 4):
            address = struct.unpack_from("<I", root, at)[0]
            if signature == b"DSDT" and self.gdb.read(address, 4) == b"FACP":
                address = struct.unpack("<I", self.gdb.read(address + FADT_DSDT, 4))[0]
            if self.gdb.read(address, 4) != signature:
                continue
            table = self.table(address)
            size = len(table)
            change(table)
            if len(table) > size:  # there may be no room for it: it moves
                address = FREE_MEMORY
                struct.pack_into("<I", root, at, address)
                self.write(self.root, root)
            self.write(address, table)
            return
        raise AssertionError(f"no table {signature!r}")


@pytest.fixture
def patched(tmp_path):
    """patched(signature, change, append, ...): boots with one of the firmware's tables changed."""

    def start(signature, change, append, exit_device=True, until="", **machine) -> Boot:
        kind = runner.Machine if exit_device else NoExitDevice
        image = str(ROOT / "build/both/test.iso")
        with debugged(tmp_path, kind(iso=image, append=append, **machine)) as session:
            session.gdb.run_to(Kernel()["acpi_init"])
            assert session.gdb.ask("Qqemu.PhyMemMode:1") == "OK"
            Tables(session.gdb).change(signature, change)
            assert session.gdb.ask("Qqemu.PhyMemMode:0") == "OK"
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
    done = patched(b"FACP", hardware_reduced, "init=/test/exit_42", smp=2, exit_device=False, extra=register,
                   machine="q35,pit=off,pic=off,i8042=off", icount=True)  # fmt: skip
    assert done.qemu_status == (1 << 5 | 0) << 1 | 1, done.log
    assert "power: off, status 42" in done.lines[-1]
    done.one(r"acpi: FADT: no PC hardware \(hardware-reduced\) 8042 VGA RTC$")
    done.one(r"time: no wall clock \(the FADT says so\): it is 1970$")
    assert list(rates_of(done)) == ["HPET"]
    assert rate_of(done)[0] == "HPET"
    assert not done.find("PIT")


def test_without_any_counter_the_rate_is_a_guess_that_says_so_and_programs_run(patched):
    done = patched(b"FACP", without_pm_timer, "init=/test/runner -- /test/time=0 /test/exit_42=42", smp=2,
                   machine="pc,pit=off,hpet=off", icount=True)  # fmt: skip
    done.check_ktap()
    assert rate_of(done) == ("a guess: no source told it", 1_000_000)


def test_machine_is_switched_off_by_acpi(boot):
    """Without QEMU's exit device, as on real machines."""
    done = boot("init=/bin/compare", smp=2, machine="q35", exit_device=False, timeout=30)
    ends_by_itself(done, "power: off, status 0")


def test_program_switches_the_machine_off_while_others_are_at_work(boot):
    done = boot("init=/test/reboot -- off", smp=4, machine="pc", exit_device=False, timeout=30)
    done.one("power: reboot asks for power-off")
    ends_by_itself(done, "power: off, status 0")
    assert not done.find("still there|did not stop")


def test_power_off_by_a_program_is_a_verdict_too(boot):
    done = boot("init=/test/reboot -- off", smp=2, timeout=30).check(0)
    assert "power: off, status 0" in done.lines[-1]


def restarted(done, resets) -> None:
    done.one("power: reboot asks for restart")
    ends_by_itself(done, "power: (restart|no reset by)")
    assert done.find("power: restart$")
    assert not done.find("still there|did not stop")
    text = resets.read_text()
    assert "CPU Reset" in text


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_program_restarts_the_machine_by_register_or_8042(boot, tmp_path, machine):
    """q35 has a reset register in its FADT, pc has none."""
    resets = tmp_path / "resets"
    done = boot("init=/test/reboot -- restart", smp=4, machine=machine, exit_device=False, timeout=30,
                extra=["-d", "cpu_reset", "-D", str(resets)])  # fmt: skip
    restarted(done, resets)
    assert "Triple fault" not in resets.read_text()
    assert not done.find("no reset by")


def test_machine_without_register_and_8042_is_restarted_by_a_triple_fault(patched, tmp_path):
    def change(fadt):
        flags = struct.unpack_from("<I", fadt, FADT_FLAGS)[0] & ~FLAG_RESET_REGISTER
        struct.pack_into("<I", fadt, FADT_FLAGS, flags)

    resets = tmp_path / "resets"
    done = patched(b"FACP", change, "init=/test/reboot -- restart", smp=2, machine="q35,i8042=off",
                   exit_device=False, extra=["-d", "cpu_reset", "-D", str(resets)])  # fmt: skip
    restarted(done, resets)
    assert "Triple fault" in resets.read_text()


def test_program_halts_the_machine_and_all_its_cpus(boot):
    """By QEMU's word, since whoever ran on might be silent."""
    seen = []

    def switch_off(line, qmp):
        if "power: halted" in line:
            for _ in range(100):
                text = qmp.execute("human-monitor-command", **{"command-line": "info registers -a"})
                seen[:] = re.findall(r"HLT=(\d)", text)
                if set(seen) == {"1"}:
                    break
                time.sleep(0.02)
            qmp.execute("quit")

    done = boot("init=/test/reboot -- halt", smp=4, on_line=switch_off, timeout=30)
    assert seen == ["1"] * 4, f"HLT of the CPUs: {seen}\n{done.log}"
    ends_by_itself(done, "power: halted$")


def test_machine_without_s5_says_that_it_is_safe_to_switch_off(patched):
    def change(dsdt):
        at = dsdt.index(b"_S5_")
        dsdt[at : at + 4] = b"_S7_"

    done = patched(b"DSDT", change, "init=/test/exit_42", smp=2, exit_device=False, until="safe to")
    done.one(r"acpi: no \\_S5: the machine cannot switch itself off$")
    done.one("power: off, status 42$")
    assert done.lines[-1] == "The machine is halted: it is now safe to switch off."


def test_poweroff_off_leaves_the_machine_on_with_its_verdict_in_the_log(boot):
    def switch_off(line, qmp):
        if "poweroff=off: halted, status 42" in line:
            assert qmp.execute("query-status")["running"]
            qmp.execute("quit")

    done = boot("poweroff=off init=/test/exit_42", smp=2, on_line=switch_off, timeout=30)
    assert (done.status, done.qemu_status) == (98, 0), done.log


REAL = {"cpu": "max,-hypervisor", "exit_device": False}  # as good as a real machine
PROMPT = r"power: {}: press a key.* to switch off, r to restart$"


def press(key: str):
    def on_line(line, qmp):
        if "press a key" in line:
            qmp.execute("send-key", keys=[{"type": "qcode", "data": key}])

    return on_line


def test_refusal_stays_on_a_real_machines_screen_until_a_key_is_pressed(boot):
    done = boot("init=/not/there", smp=1, on_line=press("spc"), timeout=30, **REAL)
    done.one(PROMPT.format("status 127"))
    ends_by_itself(done, "power: off, status 127")


def test_panic_stays_on_a_real_machines_screen_until_a_key_restarts_it(boot):
    done = boot("init=/test/exit_42", smp=2, fault="missing_swapgs", on_line=press("r"), timeout=30,
                **REAL)  # fmt: skip
    assert done.find(r"panic: CPU \d: double fault")
    done.one(PROMPT.format("panic"))
    ends_by_itself(done, "power: restart$")


def test_real_machine_with_poweroff_on_asks_nobody(boot):
    done = boot("poweroff=on init=/test/exit_42", smp=1, timeout=30, **REAL)
    ends_by_itself(done, "power: off, status 42")
    assert not done.find("press a key")


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
    result = runner.run(machine, 30, on_line=answer)
    done = Boot(result.status, result.qemu_status, result.log)
    done.one(r"status 42: press a key \(on the serial port: there is no PS/2 keyboard\) to switch off")
    ends_by_itself(done, "power: restart$")
