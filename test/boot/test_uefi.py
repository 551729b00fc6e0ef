"""UEFI: the same ISO under OVMF, on machines without what only a BIOS needs."""

import checks
import multiboot
from conftest import ROOT, runner
from gdbstub import debugged
from guest import programs
from kernelfile import Kernel

NO_LEGACY = "q35,pit=off,pic=off,i8042=off"
ACPI_1, ACPI_2 = 14, 15  # Multiboot2, 3.6.13, 3.6.14


def test_compare_runs_where_there_is_no_pit_no_pic_and_no_8042(boot):
    done = boot(
        "init=/bin/compare", initramfs="user", firmware="uefi", machine=NO_LEGACY, smp=4
    ).check()  # fmt: skip
    done.one(r"smp: +4 of 4 CPUs online")
    assert "(PIT" not in done.one(r"cpu: .*TSC.*")[0]
    checks.compare_rows(done.programs, 4)
    checks.nothing_leaked(done)


def test_programs_that_check_the_abi_find_it_kept(boot):
    chosen = [program for program in programs("both") if program.endings == ("0",)]
    checks.programs_end_as_they_say(boot, chosen, firmware="uefi", smp=4)


def test_tables_are_found_by_tag_15_and_what_the_firmware_keeps_is_untouched(tmp_path):
    """From the kernel's first line of C to its power-off, with a program between that takes all memory
    there is."""
    iso, mem = ROOT / "build/both/test.iso", 128
    machine = runner.Machine(
        iso=str(iso), append="init=/test/oom", mem=f"{mem}M", smp=2, firmware="uefi"
    )  # fmt: skip
    kernel = Kernel()

    def memory(base: int, size: int) -> bytes:
        session.qmp.execute("pmemsave", val=base, size=size, filename=f"{tmp_path}/memory")
        return (tmp_path / "memory").read_bytes()

    with debugged(tmp_path, machine) as session:
        gdb = session.gdb
        at, information = multiboot.read(gdb)
        given = multiboot.tags(information)
        assert [kind for kind, _ in given].count(ACPI_2) == 1
        multiboot.replace(gdb, [each for each in given if each[0] != ACPI_1], at)
        kept = [
            (base, size)
            for base, size, kind in multiboot.ranges_of(information)
            if kind != multiboot.USABLE and base + size <= mem << 20
        ]
        before = [memory(*region) for region in kept]
        assert sum(any(region) for region in before) > 2, "regions with something in them"
        gdb.run_to(kernel["power_off"])
        after = [memory(*region) for region in kept]
        done = session.end()
    changed = [region for region, old, new in zip(kept, before, after) if old != new]
    assert not changed, [f"{base:#x}, {size:#x} bytes" for base, size in changed]
    done.one(r"acpi: MADT: 2 CPUs enabled")
    done.one(r"init: ended with status (0|137);")  # refused memory, or ended for want of it
