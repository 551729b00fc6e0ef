"""The doors as a build has them: which are open, what a closed one does, who says so."""

import re
import subprocess

import pytest
from conftest import ROOT, assemble, newc

OPEN = {"both": ["int 0x80", "syscall"], "int": ["int 0x80"], "syscall": ["syscall"]}
entries = pytest.mark.parametrize("entry", OPEN)


@pytest.mark.parametrize(
    "entry, program, cause, signal",
    [("int", "closed_syscall", "#UD", 4), ("syscall", "closed_int", "#GP", 11)],
)
def test_closed_door_ends_who_knocks(boot, entry, program, cause, signal):
    done = boot(f"init=/test/{program}", entry=entry).check(128 + signal)
    done.one(rf"trap: {program} \(pid 1, .*: {cause} .*: ended by signal {signal}$")


@entries
def test_log_names_the_open_doors(boot, entry):
    done = boot("init=/test/exit_42", entry=entry).check(42)
    assert re.match(rf"sallyport \d+\.\d+ +ENTRY={entry} +git ", done.lines[0])
    assert done.one(r"sys: +doors open: (.*)")[1].startswith(entry)


@entries
def test_uname_names_the_open_doors_as_the_log_does(boot, make_iso, tmp_path, entry):
    door = "syscall" if entry == "syscall" else "int 0x80"
    program = assemble(
        tmp_path,
        f"""_start: sub rsp, 400
        mov eax, 63 ; uname
        mov rdi, rsp
        {door}
        mov eax, 1 ; write
        mov edi, 1
        lea rsi, [rsp + 3 * 65] ; version
        mov edx, 64
        {door}
        mov eax, 231 ; exit_group
        xor edi, edi
        {door}""",
    )
    iso = make_iso(newc({"bin/version": program.read_bytes()}), entry)
    done = boot("init=/bin/version", iso=iso).check()
    version = done.one(r"^(sallyport [^\0]*ENTRY[^\0]*)\0")[1]
    assert f"ENTRY={entry}" in version
    assert done.lines[0].startswith(version)


@entries
def test_menu_names_the_open_doors_in_every_title(entry, tmp_path):
    subprocess.run(
        ["xorriso", "-osirrox", "on", "-indev", f"build/{entry}/sallyport.iso",
         "-extract", "/boot/grub/grub.cfg", tmp_path / "grub.cfg"],
        cwd=ROOT, check=True, capture_output=True,
    )
    titles = re.findall(r'^menuentry "(.*)"', (tmp_path / "grub.cfg").read_text(), re.MULTILINE)
    assert len(titles) >= 4
    assert all(title.endswith(f"(ENTRY={entry})") or f"ENTRY={entry}" in title for title in titles)


def test_menu_boots_the_demo_when_nobody_chooses(boot):
    done = boot(None, initramfs="user", entry="int", smp=2).check()
    assert "compare, then stress (ENTRY=int)" in done.log
    assert done.find(r"getpid +TSC ticks") and done.find(r" calls, 0 errors$")


@entries
def test_compare_shows_every_door_on_every_cpu(boot, entry):
    done = boot("init=/bin/compare", initramfs="user", entry=entry, smp=4).check()
    done.one(rf"^Sallyport ENTRY={entry} on .*TSC [\d.]+ GHz")
    done.one(r"an emulator's times \(TCG\)")
    tables = re.split(r"\n(?=getpid|number 500)", "\n".join(done.programs))[1:]
    assert [table.split()[0] for table in tables] == ["getpid", "number"]
    for table in tables:
        rows, cpu = {}, None
        for line in table.splitlines():
            if match := re.match(r" *(\d+)? +(int 0x80|syscall) +(closed|[\d,]+)(.*)", line):
                cpu = match[1] or cpu
                rows[int(cpu), match[2]] = match[3], re.findall(r"[\d.,]+", match[4])
        assert sorted(rows) == [(c, d) for c in range(4) for d in ("int 0x80", "syscall")], table
        for (_, door), (calls, figures) in rows.items():
            if door in OPEN[entry]:
                assert calls == "20,000" and len(figures) == 6, table
                least, median, p99 = (float(figure.replace(",", "")) for figure in figures[:3])
                assert least <= median <= p99, table
            else:
                assert calls == "closed", table
        ratios = re.findall(r"cpu (\d+) +\d+\.\d\d", table.partition("int 0x80 / syscall")[2])
        assert ratios == (["0", "1", "2", "3"] if entry == "both" else []), table
