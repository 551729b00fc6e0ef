"""The ISO as a disk, as it is written to a USB stick: there is no drive for discs in these machines."""

import pytest
from conftest import ROOT, Boot, runner


class Stick(runner.Machine):
    controller = ""

    def command(self) -> list[str]:
        command = super().command()
        at = command.index("-cdrom")
        assert command[at + 2 : at + 4] == ["-boot", "d"]
        drive = f"if=none,id=stick,format=raw,readonly=on,file={self.iso}"
        command[at : at + 4] = ["-drive", drive, "-device", f"{self.controller},id=usb"]
        return [*command, "-device", "usb-storage,bus=usb.0,drive=stick"]


@pytest.mark.parametrize(
    "firmware, controller, entry",
    [
        ("bios", "qemu-xhci", "both"),
        ("uefi", "qemu-xhci", "both"),
        pytest.param("bios", "ich9-usb-ehci1", "int", marks=pytest.mark.large),
        pytest.param("uefi", "ich9-usb-ehci1", "int", marks=pytest.mark.large),
        pytest.param("uefi", "qemu-xhci", "syscall", marks=pytest.mark.large),
    ],
)
def test_iso_boots_from_a_usb_stick(firmware, controller, entry):
    iso = str(ROOT / f"build/{entry}/test.iso")
    machine = Stick(iso=iso, append="init=/test/exit_42", smp=2, firmware=firmware)
    machine.controller = controller
    result = runner.run(machine, 120)
    done = Boot(result.status, result.qemu_status, result.log).check(42)
    done.one(rf"^sallyport \S+ ENTRY={entry} ")
    done.one(r"smp: +2 of 2 CPUs online")
