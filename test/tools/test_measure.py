"""The measuring sequence: what it boots and when, what it makes of boots that fail, and the table of
both kernels. A script stands in for QEMU wherever the guest does not matter; apt is never asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from records import Maker

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import table  # noqa: E402
from page_figures import figures, is_linux  # noqa: E402

# Records what the bench would; the journal says what it was asked for, when it started and ended.
QEMU = """#!/usr/bin/python3
import json, os, sys, time
sys.path.insert(0, {here!r})
from records import Maker, written
words = sys.argv[1:]
if words == ["--version"]:
    print("QEMU emulator version 7.2.22 (Debian)"), sys.exit()
start = time.monotonic()
linux, exact = "-kernel" in words, "-icount" in words
line = words[words.index("-append" if linux else "-smbios") + 1]
mode = os.environ.get("LINUX" if linux else "OURS", "")
maker = Maker(1)
calls = [r for r in maker.calls(linux and maker.linux() or None) if r["machine"]["icount"] == exact]
if mode == "other" and not exact:  # another CPU, as under KVM
    for entry in calls:
        entry["machine"]["mitigations"]["ibrs"] = "on"
if mode == "changing" and "run=2" in line:
    calls[0]["sample"]["value"] += 1
with open(next(word[5:] for word in words if word.startswith("file:")), "w") as file:
    file.write({{"cut": written(calls)[:-20], "mute": ""}}.get(mode, written(calls)))
time.sleep(60 if mode == "hang" else 0 if exact else 0.05)
if linux:
    print("Kernel panic - not syncing: no init" if mode == "panic" else "bench: status 0")
else:
    print("[  1.000] power: off, status 0")
with open({journal!r}, "a") as file:
    entry = dict(linux=linux, exact=exact, line=line, words=words, start=start, end=time.monotonic())
    file.write(json.dumps(entry) + "\\n")
sys.exit(0 if linux else 37 if mode == "panic" else 33)
"""
APT = """#!/bin/sh
echo "apt $*" >>{journal}
case $1 in
depends) echo "  Depends: linux-image-9.9-cloud-amd64" ;;
download) touch image.deb ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p image/boot; echo kernel >image/boot/vmlinuz-9.9
"""


class Place:
    """A folder with the stand-ins first in PATH."""

    def __init__(self, folder: Path):
        self.folder, self.journal = folder, folder / "journal"
        for name in ("iso", "bench"):
            (folder / name).write_text(name)
        (folder / "bin").mkdir()
        (folder / "peer").mkdir()
        (folder / "peer" / "vmlinuz-9.9").write_text("kernel")
        fake = QEMU.format(here=str(ROOT / "test/tools"), journal=str(self.journal))
        self.tool("qemu-system-x86_64", fake)

    def tool(self, name: str, text: str) -> None:
        (self.folder / "bin" / name).write_text(text)
        (self.folder / "bin" / name).chmod(0o755)

    def measure(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return subprocess.run(
            [ROOT / "tools/measure", "--iso", self.folder / "iso", "--bench", self.folder / "bench",
             "--peer", self.folder / "peer", "--out", self.folder / "out", *arguments],
            env=os.environ | {"PATH": path} | environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def boots(self) -> list[dict]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def records(self) -> list[dict]:
        text = (self.folder / "out" / "record.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The place of a whole run in which nothing went wrong, and how it ended."""
    place = Place(tmp_path_factory.mktemp("whole"))
    return place, place.measure()


# -- the sequence ----------------------------------------------------------------------------------


def test_both_kernels_are_booted_by_turns_with_the_same_machine_and_program(place):
    done = place.measure("--peer-only", "--smp", "3", "--mem", "256M")
    assert done.returncode == 0, done.stderr
    timed = [boot for boot in place.boots() if not boot["exact"]]
    assert [boot["linux"] for boot in timed] == [False, True, False, True]
    for ours, linux in zip(timed[::2], timed[1::2]):
        first = ours["words"][: ours["words"].index("-serial")]
        assert first == linux["words"][: len(first)] and "3" in first and "256M" in first
        assert ours["line"].split(" -- ")[1].replace(",,", ",") == linux["line"].split(" -- ")[1]
    exact = [boot for boot in place.boots() if boot["exact"]]
    assert sorted(boot["linux"] for boot in exact) == [False, False, True, True]
    assert all(boot["words"][boot["words"].index("-smp") + 1] == "1" for boot in exact)


def test_nothing_else_runs_beside_a_timed_boot(whole):
    boots = whole[0].boots()
    for timed in (boot for boot in boots if not boot["exact"]):
        others = [boot for boot in boots if boot is not timed]
        assert all(o["end"] <= timed["start"] or o["start"] >= timed["end"] for o in others)


def test_each_mitigation_that_the_cpu_has_is_switched_and_the_others_are_named(whole):
    place, done = whole
    lines = [boot["line"] for boot in place.boots() if not boot["linux"]]
    for line in ("smap=off", "index_mask=off", "swapgs_fence=off", "clear_regs=on", "kpti=on"):
        assert sum(f" {line} " in boot for boot in lines) == 3, line  # counted; timed twice
    assert not any("ibrs" in line or "pcid" in line for line in lines)
    assert done.stdout.count("sallyport ibrs, exact: not on this CPU") == 1
    assert done.stdout.count("sallyport ibrs, timed: not on this CPU") == 1
    assert "[40/40]" in done.stdout and "[41/" not in done.stdout
    assert all("lab=on" in line for line in lines)


def test_switched_mitigations_are_timed_twice_each_time_behind_a_boot_by_default(whole):
    ours = [boot for boot in whole[0].boots() if not boot["linux"] and not boot["exact"]][2:]
    kinds = ["lab=on init" not in boot["line"] for boot in ours]
    assert kinds == [False, True] * 10
    assert [boot["line"] for boot in ours[1:10:2]] == [
        boot["line"].replace("run=2", "run=1") for boot in ours[11::2]
    ]
    defaults = [boot["line"] for boot in ours[::2]]
    assert len(set(defaults)) == 10 and all("--only crossing" in line for line in defaults)


def test_what_is_timed_is_switched_by_what_the_timed_cpu_has(place):
    done = place.measure("--accel", "kvm", OURS="other")
    lines = [(boot["exact"], boot["line"]) for boot in place.boots()]
    assert [exact for exact, line in lines if " ibrs=off " in line] == [False, False]
    assert "sallyport ibrs, exact: not on this CPU" in done.stdout


def test_whole_run_prints_the_summary_and_the_table_of_calls(whole):
    text = whole[1].stdout
    assert 0 < text.index("index.html") < text.index("exact instructions  ") < text.index("In time: we lose")


def test_exact_counts_come_from_the_emulator_even_with_kvm(place):
    place.measure("--peer-only", "--accel", "kvm", "--cpu", "host")
    for boot in place.boots():
        accel = boot["words"][boot["words"].index("-accel") + 1]
        cpu = boot["words"][boot["words"].index("-cpu") + 1]
        assert (accel, cpu) == (("tcg", "max") if boot["exact"] else ("kvm", "host"))


def test_every_boot_leaves_its_own_file_and_they_are_gathered_in_one(place):
    place.measure("--peer-only")
    raw = sorted((place.folder / "out" / "raw").glob("*.jsonl"))
    assert len(raw) == 8
    gathered = [json.loads(line) for path in raw for line in path.read_text().splitlines()]
    assert gathered == place.records()


def test_counts_that_two_runs_do_not_agree_on_are_named(place):
    done = place.measure("--peer-only", OURS="changing")
    sentence = "sallyport, exact: two runs differ in 1 of 14 counts: call getpid int (39 and 40)\n"
    assert sentence in done.stdout
    assert "differ" not in place.measure("--peer-only").stdout


# -- what can go wrong -----------------------------------------------------------------------------


def test_missing_qemu_is_a_sentence(place):
    done = place.measure(PATH="/nowhere")
    assert done.returncode == 97
    assert done.stderr == (
        "measure: qemu-system-x86_64 is not there; `make deps` installs it\n"
    )


@pytest.mark.parametrize("name", ["iso", "bench"])
def test_what_was_not_built_is_named(place, name):
    (place.folder / name).unlink()
    done = place.measure()
    assert done.returncode == 97 and f"/{name} is not there; `make iso` builds it" in done.stderr


def test_missing_linux_is_named_and_ours_is_measured_all_the_same(place):
    (place.folder / "peer" / "vmlinuz-9.9").unlink()
    for name in ("apt-cache", "apt-get"):
        place.tool(name, "#!/bin/sh\necho 'E: Unable to locate package' >&2\nexit 100\n")
    done = place.measure("--peer-only")
    why = "linux-image-cloud-amd64 cannot be had: apt-get update: Unable to locate package"
    assert done.stderr == f"measure: {why}; going on without Linux\n"
    assert done.returncode == 1  # the comparison was what was asked for
    assert not any(boot["linux"] for boot in place.boots()) and len(place.boots()) == 4
    absent = [entry["absent"] for entry in place.records() if is_linux(entry)]
    assert absent and set(absent) == {why}
    assert list((place.folder / "peer").iterdir()) == []


def test_kernel_of_the_package_is_downloaded_once(place):
    (place.folder / "peer" / "vmlinuz-9.9").unlink()
    for name in ("apt-cache", "apt-get"):
        place.tool(name, APT.format(journal=place.folder / "asked"))
    place.tool("dpkg-deb", DPKG)
    assert place.measure("--quick").returncode == 0
    asked = (place.folder / "asked").read_text()
    assert "download" in asked and "linux-image-9.9-cloud-amd64" in asked
    assert place.measure("--quick").returncode == 0
    assert (place.folder / "asked").read_text() == asked


def test_boot_whose_record_is_cut_short_is_named_with_file_and_line_and_the_rest_kept(place):
    done = place.measure("--quick", OURS="cut")
    lines = (place.folder / "out/raw/01-sallyport-exact.jsonl").read_text().splitlines()
    assert f"01-sallyport-exact.jsonl:{len(lines)}: " in done.stderr
    assert done.returncode == 1
    assert sum(not is_linux(entry) for entry in place.records()) == len(lines) - 1


@pytest.mark.parametrize(
    "side, mode, sentence",
    [
        ("OURS", "panic", "sallyport, exact: the kernel panicked"),
        ("OURS", "mute", "sallyport, exact: wrote no record"),
        ("LINUX", "panic", "Linux, exact: Kernel panic - not syncing: no init"),
        ("LINUX", "mute", "Linux, exact: wrote no record"),
    ],
)
def test_boot_that_fails_is_named_and_the_other_kernel_measured(place, side, mode, sentence):
    done = place.measure("--quick", **{side: mode})
    assert f"measure: {sentence}; its console: " in done.stderr
    assert done.returncode == 1
    assert any(is_linux(entry) == (side == "OURS") for entry in place.records())


def test_nothing_measured_at_all_is_a_failure_and_no_crash(place):
    done = place.measure("--quick", OURS="mute", LINUX="mute")
    assert done.returncode == 1 and done.stdout.endswith("no call was measured\n")


def test_failure_of_linux_does_not_fail_what_is_only_drawn_beside_it(place):
    done = place.measure(LINUX="panic")
    assert "Kernel panic" in done.stderr and done.returncode == 0


def test_kernel_that_hangs_is_ended_and_booted_no_more_after_the_second_time(place):
    done = place.measure("--peer-only", "--timeout", "0.7", LINUX="hang")
    assert done.stderr.count("Linux, exact: not at its end after 0.7 s; stopped") == 2
    assert done.stdout.count("Linux, timed: left out, after 2 boots that did not end") == 2
    linux = [is_linux(entry) for entry in place.records()]
    assert linux.count(False) == 2 * linux.count(True) > 0  # what it wrote before it hung is kept


# -- the real ones ---------------------------------------------------------------------------------


def test_real_kernels_are_counted_by_both_doors_and_ours_is_ahead_in_getpid(tmp_path):
    """Of Linux only what its package's being there or not says."""
    done = subprocess.run(
        ["tools/measure", "--quick", "--out", tmp_path], cwd=ROOT, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    text = (tmp_path / "record.jsonl").read_text()
    known = figures("", [json.loads(line) for line in text.splitlines()], [])
    getpid = [row for row in known["peer"]["rows"] if row["name"] == "getpid"]
    assert {row["door"] for row in getpid} == {"int", "syscall"}
    assert all(row["ours"]["instructions"] for row in getpid)
    assert known["machines"][0]["lab"] and known["machines"][0]["host"]["accel"] == "tcg"
    if "linux-image-cloud-amd64 cannot be had" in done.stderr:
        assert done.returncode == 1 and known["peer"]["reasons"]
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert all(row["instructions"]["ahead"] == "ours" for row in getpid)


# -- the table -------------------------------------------------------------------------------------


def calls(**values: tuple) -> list[dict]:
    """Records of calls by syscall: name=(unit, ours, Linux's); a time has a half-width of 5."""
    maker = Maker(1)
    records = []
    for name, (unit, *figures) in values.items():
        for value, machine in zip(figures, (None, maker.linux())):
            sample = maker.exact(value)
            if unit == "ticks":
                sample = maker.single(value) | {"p50": value, "ci": [value - 5, value + 5]}
            records.append(maker.record("call", sample, machine, name=name, door="syscall"))
    return records


def rendered(records: list[dict]) -> list[str]:
    return table.render(figures("", records, []))


def test_table_says_where_we_lose_and_where_no_difference_is_shown():
    records = calls(write=("instructions", 100, 800), mmap=("instructions", 100, 80))
    records += calls(write=("ticks", 2600, 1300), mmap=("ticks", 260, 264))
    text = rendered(records)
    assert text[2].split() == "write syscall 100 800 8.00 1,000 500 0.50 we lose in time".split()
    assert text[3].split("  ")[0] == "mmap" and "0.80" in text[3]
    assert text[3].endswith("  we lose in instructions, no difference shown in time")
    assert text[4] == "In instructions: we lose 1 of 2 calls: mmap by syscall (0.80)."
    assert text[5] == "In time: we lose 1 of 2 calls: write by syscall (0.50)."


def test_table_takes_the_median_over_the_runs():
    runs = [calls(write=("instructions", ours, 900)) for ours in (100, 300, 110)]
    line = rendered([entry for run in runs for entry in run])[2]
    assert line.split() == "write syscall 110 900 8.18".split()


def test_table_without_the_other_kernel_shows_ours():
    ours = [entry for entry in calls(write=("instructions", 100, 9)) if not is_linux(entry)]
    text = rendered(ours)
    assert text[2].split() == "write syscall 100 - -".split()
    assert text[3] == "In instructions: nothing was measured on both kernels."
    assert rendered([]) == ["no call was measured"]
