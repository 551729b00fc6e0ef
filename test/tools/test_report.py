"""The report: the page says what the records say, names what it cannot use and draws the rest, and
holds up in a browser. Records are made up (records.py); the browser is chromium without a network."""

import copy
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from records import LADDER, Maker, index_of, written

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import record as records_module  # noqa: E402
from page_figures import figures  # noqa: E402

PLOTS = ["distribution", "cpus", "anatomy-instructions", "anatomy-time", "scale"]


class Text(HTMLParser):
    """What a reader sees of a page, element after element; tables as rows of cells."""

    def __init__(self, page: str):
        super().__init__()
        self.lines, self.rows, self.skip, self.elements = [], [], 0, []
        self.cell = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.skip += tag == "style"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        self.skip -= tag == "style"
        if tag in ("td", "th"):
            self.rows[-1].append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data):
        if not self.skip:
            self.lines += [data] if data.strip() else []
            if self.cell is not None:
                self.cell.append(data)

    def __str__(self):
        return " ".join(" ".join(self.lines).split())

    def row(self, *head: str) -> list[str]:
        """The cells of the row whose first one begins so."""
        found = [row for row in self.rows if row and row[0] in head]
        found = found or [row for row in self.rows if row and row[0].startswith(head)]
        assert len(found) == 1, (head, found)
        return found[0][1:]


class Report:
    """One run of tools/report."""

    def __init__(self, folder: Path, *contents, env=None, names=None):
        self.folder, self.out = folder, folder / "out"
        self.paths = []
        for number, content in enumerate(contents):
            path = folder / (names[number] if names else f"r{number}.jsonl")
            path.parent.mkdir(exist_ok=True, parents=True)
            if not isinstance(content, (str, bytes)):
                content = written(content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self.paths.append(path)
        self.run(*self.paths, env=env)

    def run(self, *paths, env=None):
        self.done = subprocess.run(
            [sys.executable, ROOT / "tools/report", "--out", self.out, *paths],
            capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=120,
        )  # fmt: skip

    @property
    def page(self) -> str:
        return (self.out / "index.html").read_text(encoding="utf-8")

    @property
    def text(self) -> Text:
        assert self.done.returncode == 0, self.done.stderr
        return Text(self.page)

    @property
    def figures(self) -> list[dict]:
        return json.loads((self.out / "figures.json").read_text())["files"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole record, as `make report` leaves it."""
    return Report(tmp_path_factory.mktemp("whole"), Maker(7).whole())


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    server = Maker(9, cpus=64, tsc_khz=3000000, brand="A server's CPU")
    server.machine.update(hypervisor=None, host={})
    content = Maker(8).whole(), server.whole()
    return Report(tmp_path_factory.mktemp("two"), *content, names=["laptop.jsonl", "server.jsonl"])


def sample(middle: float, low: float, high: float) -> dict:
    """Ticks with that median and interval."""
    return {
        "kind": "batch", "per": 1, "n": 100, "min": middle * 0.9, "p50": middle, "p90": middle * 1.2,
        "p99": middle * 1.3, "p999": middle * 1.4, "max": middle * 1.5, "mean": middle, "mad": 1.0,
        "ci": [low, high], "ticked": 0, "migrated": 0, "overhead": 26,
    }  # fmt: skip


def crossings(maker: Maker, gate, fast, machine=None) -> list[dict]:
    """A record for each door; each of the two is (median, low, high) or None."""
    sides = {"int": gate, "syscall": fast}
    return [
        maker.record("crossing", sample(*values), machine, cpu=0, door=door)
        for door, values in sides.items()
        if values
    ]


def counted(maker: Maker, value: float, machine=None, door="syscall") -> dict:
    return maker.record("crossing", maker.exact(value), machine, cpu=0, door=door)


# -- the figures -----------------------------------------------------------------------------------


def test_answer_gives_ratio_and_medians_that_were_recorded(tmp_path):
    records = crossings(Maker(cpus=1), (343.2, 340, 346), (163.02, 160, 165))  # at 2.6 GHz
    report = Report(tmp_path, records)
    answer = report.figures[0]["answer"]
    assert answer["doors"]["int"]["time"]["median"] == pytest.approx(132)
    assert answer["doors"]["syscall"]["time"]["median"] == pytest.approx(62.7)
    assert answer["ratio"] == pytest.approx(343.2 / 163.02)
    said = "int 0x80 costs 2.1 × syscall: 132 ns against 62.7 ns at the median."
    assert f"On this emulated CPU {said}" in str(report.text)
    assert said in report.done.stdout


def test_the_dearer_door_is_named_first(tmp_path):
    report = Report(tmp_path, crossings(Maker(), (130, 129, 131), (260, 259, 261)))
    assert "syscall costs 2.0 × int 0x80: 100 ns against 50.0 ns" in str(report.text)


def test_medians_whose_intervals_overlap_show_no_difference(tmp_path):
    report = Report(tmp_path, crossings(Maker(), (343, 160, 346), (163, 160, 165)))
    assert "no difference shown between int 0x80 and syscall" in str(report.text)
    assert report.figures[0]["answer"]["shown"] is False
    assert "costs" not in report.done.stdout


def test_intervals_that_touch_overlap_and_those_that_do_not_touch_differ():
    for high, shown in ((200, False), (199.99, True)):
        records = crossings(Maker(), (220, 200, 230), (190, 180, high))
        assert figures("", records, [])["answer"]["shown"] is shown


def test_estimate_over_cpus_is_the_median_of_medians_within_the_widest_bounds():
    maker = Maker()
    records = []
    for cpu, middle in enumerate((300, 100, 200)):
        ticks = sample(middle * 2.6, middle * 2.6 - 2.6, middle * 2.6 + 5.2)
        records.append(maker.record("crossing", ticks, cpu=cpu, door="int"))
    time = figures("", records, [])["answer"]["doors"]["int"]["time"]
    assert (time["median"], time["low"], time["high"]) == pytest.approx((200, 99, 302))
    assert time["n"] == 300


def test_ticks_become_nanoseconds_by_the_rate_of_their_own_boot():
    slow, fast = Maker(tsc_khz=1000000), Maker(tsc_khz=4000000)
    records = crossings(slow, (100, 99, 101), None) + crossings(fast, None, (400, 399, 401))
    doors = figures("", records, [])["answer"]["doors"]
    assert doors["int"]["time"]["median"] == doors["syscall"]["time"]["median"] == 100


def test_one_door_is_said_with_the_reason_for_the_other(tmp_path):
    maker = Maker()
    records = crossings(maker, (260, 259, 261), (1, 1, 1))
    del records[1]["sample"]
    records[1]["absent"] = "closed in this build"
    text = str(Report(tmp_path, records).text)
    assert "int 0x80 costs 100 ns at the median; syscall: closed in this build." in text


def test_counts_alone_are_an_answer(tmp_path):
    report = Report(tmp_path, [counted(Maker(), 44)])
    assert "Counted, not timed: getpid takes 44 instructions by syscall." in str(report.text)


def test_record_without_a_crossing_says_so(tmp_path):
    assert "No crossing was measured" in str(Report(tmp_path, Maker().clock()).text)


@pytest.mark.parametrize("bits", [1, 6, 10])
def test_every_value_falls_into_its_bucket(bits):
    values = [*range(5000), *(2**n + d for n in range(12, 64) for d in (-1, 0, 1))]
    for value in values:
        low, high = records_module.bucket_bounds(index_of(value, bits), bits)
        assert low <= value <= high, (value, low, high)
        assert high - low <= value / 2**bits


def test_distribution_holds_every_sample_and_tells_those_hit_by_a_tick(whole):
    records = Maker(7).crossings()
    for door in ("int", "syscall"):
        mine = [r for r in records if r["door"] == door and r["sample"]["kind"] == "single"]
        n = sum(r["sample"]["n"] for r in mine)
        assert sum(count for _, _, count in whole.figures[0]["distribution"][door]) == n == 8000
        time = whole.figures[0]["answer"]["doors"][door]["time"]
        assert time["ticked"] == sum(r["sample"]["ticked"] for r in mine) == 16
    assert whole.text.row("hit by an interrupt") == ["16", "16"]
    assert "16 of 8,000 (0.2 %) by int 0x80" in str(whole.text)


def test_kernel_that_cannot_tell_ticks_is_not_said_to_have_had_none(tmp_path):
    records = crossings(Maker(), (343, 340, 346), (163, 160, 165))
    for one in records:
        one["sample"]["ticked"] = None
    text = Report(tmp_path, records).text
    assert text.row("hit by an interrupt") == ["cannot be told"] * 2


def test_steps_of_the_ladder_are_differences_and_add_up_to_the_whole(whole):
    anatomy = whole.figures[0]["anatomy"]
    for door, counts in LADDER.items():
        steps = anatomy[door]["instructions"]["steps"]
        assert [s["value"] for s in steps] == [b - a for a, b in zip((0, *counts), counts)]
        for unit in ("instructions", "time"):
            one = anatomy[door][unit]
            assert sum(s["value"] for s in one["steps"]) == pytest.approx(one["whole"])
            assert one["times_floor"] == pytest.approx(one["whole"] / one["floor"])
        assert anatomy[door]["instructions"]["whole"] == counts[-1]
    text = whole.text
    assert text.row("sum, the whole")[0::2] == ["39", "44"]
    assert text.row("times the floor")[0::2] == ["19.5", "22.0"]
    assert text.row("masked dispatch")[0::2] == ["+7", "+7"]
    assert "add up to the whole: 39 by int 0x80, 44 by syscall." in str(text)
    assert "39 by int 0x80, 44 by syscall; 19.5 and 22.0 × the floor" in str(text)


def ladder(maker: Maker, **rungs) -> list[dict]:
    return [
        maker.record("ladder", sample(*values), door="int", rung=rung, cpu=0)
        for rung, values in rungs.items()
    ]


def test_step_within_the_noise_is_shown_below_zero_and_marked(tmp_path):
    records = ladder(Maker(), bare=(260, 255, 265), swapgs=(234, 220, 300), real=(520, 510, 530))
    report = Report(tmp_path, records)
    assert report.text.row("swapgs, twice")[1] == "−10.0no difference shown"
    steps = report.figures[0]["anatomy"]["int"]["time"]["steps"]
    assert [s["value"] for s in steps] == pytest.approx([100, -10, 110])
    assert [s["shown"] for s in steps] == [True, False, True]


def test_rung_that_is_missing_is_part_of_the_next_step(tmp_path):
    records = ladder(Maker(), bare=(260, 255, 265), real=(520, 510, 530))
    absent = ladder(Maker(), frame=(1, 1, 1))[0]
    del absent["sample"]
    absent["absent"] = "an NMI took it away"
    text = Report(tmp_path, [*records, absent]).text
    assert text.row("swapgs, twice, stack switch, frame, masked dispatch, real door")[1] == "+100"
    assert "Not there: frame by int 0x80 (an NMI took it away)." in str(text)


def test_ladder_that_does_not_agree_with_the_count_is_told(tmp_path):
    maker = Maker()
    text = str(Report(tmp_path, [*maker.ladder(), counted(maker, 45)]).text)
    assert "44 by syscall (counted by itself: 45, which does not agree)" in text


def test_four_ways_stand_in_their_cells(whole):
    rows = [row for row in whole.text.rows if row and row[0] in ("int 0x80", "syscall") and len(row) == 5]
    assert [(row[0], row[1], row[3]) for row in rows] == [("int 0x80", "39", "41"), ("syscall", "46", "44")]


def test_each_mitigation_has_its_rows(whole):
    text = whole.text
    assert text.row("SMAP (stac, clac), syscall")[:3] == ["42", "44", "+2"]
    assert text.row("registers cleared, int 0x80")[:3] == ["39", "53", "+14"]
    assert text.row("page-table isolation, int 0x80")[:3] == ["39", "45", "+6"]
    assert text.row("page-table isolation, int 0x80")[6] == "off by default"
    for name in ("IBRS", "IBPB", "PCID, with isolation"):
        assert text.row(name) == ["not on this CPU"]


@pytest.mark.parametrize("high, shown", [(290, True), (320, False)])
def test_mitigation_whose_intervals_overlap_shows_no_difference(tmp_path, high, shown):
    maker = Maker()
    off = copy.deepcopy(maker.machine)
    off["mitigations"]["smap"] = "off"
    records = maker.clock() + crossings(maker, (312, 300, 330), None)
    text = Report(tmp_path, records + crossings(maker, (286, 280, high), None, off)).text
    cells = text.row("SMAP (stac, clac), int 0x80")
    assert cells[3:6] == ["110", "120", "+10.0"]
    assert ("no difference shown in time" in cells[6]) is not shown


def test_mitigation_off_by_default_compares_the_same_way_round():
    maker = Maker()
    on = copy.deepcopy(maker.machine)
    on["mitigations"]["clear_regs"] = "on"
    records = [counted(maker, 58, on), *maker.clock(), counted(maker, 44)]
    rows = {row["name"]: row for row in figures("", records, [])["mitigations"]}
    known = rows["clear_regs"]["doors"]["syscall"]["instructions"]
    assert known == {"on": 58, "off": 44, "difference": 14}


def test_pcid_is_compared_with_isolation_on_both_sides():
    maker = Maker()
    maker.machine["mitigations"]["pcid"] = "on"
    kpti, without = (copy.deepcopy(maker.machine) for _ in range(2))
    kpti["mitigations"]["kpti"] = without["mitigations"]["kpti"] = "on"
    without["mitigations"]["pcid"] = "off"
    records = maker.clock() + [counted(maker, 44), counted(maker, 50, kpti), counted(maker, 47, without)]
    rows = {row["name"]: row for row in figures("", records, [])["mitigations"]}
    assert rows["kpti"]["doors"]["syscall"]["instructions"]["difference"] == 6
    assert rows["pcid"]["doors"]["syscall"]["instructions"]["difference"] == 3
    assert rows["kpti on, pcid off"]["doors"]["syscall"]["instructions"]["difference"] == 3


def test_mitigation_that_was_not_switched_is_not_said_to_cost_nothing(tmp_path):
    text = Report(tmp_path, Maker().crossings()).text
    assert text.row("index masking") == ["on by default; was not measured the other way"]


def test_rates_of_all_threads_and_counts_that_depend_on_cpus(tmp_path):
    maker = Maker()
    records = []
    for threads, each, count in ((1, [3e6], 44), (2, [2e6, 3e6], 46)):
        rate = {"kind": "rate", "calls_per_second": sum(each), "each": each, "seconds": 1}
        records.append(maker.record("scale", rate, door="syscall", threads=threads))
        records.append(maker.record("scale", maker.exact(count), door="syscall", threads=threads))
    text = Report(tmp_path, records).text
    assert text.row("2") == ["5.00", "1.67", "2.00 to 3.00", "46"]
    assert "by syscall they depend on the number of CPUs: 44 with 1, 46 with 2" in str(text)


def test_counts_that_do_not_depend_on_cpus_are_said_once(whole):
    assert "Instructions a call: 39 by int 0x80, on any number of CPUs; 44 by" in str(whole.text)


def call(maker: Maker, name: str, values, linux=False) -> dict:
    taken = sample(*values) if isinstance(values, tuple) else maker.exact(values)
    return maker.record("call", taken, maker.linux() if linux else None, name=name, door="syscall")


def test_linux_stands_beside_with_ratios_and_what_we_lose(tmp_path):
    maker = Maker()
    records = [
        call(maker, "getpid", 44), call(maker, "getpid", 308, True),
        call(maker, "getpid", (260, 250, 270)), call(maker, "getpid", (1300, 1290, 1310), True),
        call(maker, "write", (520, 510, 530)), call(maker, "write", (260, 255, 265), True),
        call(maker, "page fault", (520, 510, 530)), call(maker, "page fault", (530, 525, 535), True),
        call(maker, "ENOSYS", 50), call(maker, "ENOSYS", 50, True),
    ]  # fmt: skip
    report = Report(tmp_path, records)
    text = report.text
    assert text.row("getpid, syscall") == ["44", "308", "7.00", "100", "500", "5.00", "ours is ahead"]
    assert text.row("write, syscall")[3:] == ["200", "100", "0.50", "we lose in time"]
    assert [row[0] for row in text.rows if "we lose" in row[0]] == ["write, syscallwe lose"]
    assert text.row("page fault, syscall")[6] == "no difference shown in time"
    assert text.row("ENOSYS, syscall")[6] == "equal in instructions"
    assert "we lose 1 of 5: write by syscall in time" in report.done.stdout


def test_several_boots_of_each_kernel_make_one_figure(whole):
    rows = {(row["name"], row["door"]): row for row in whole.figures[0]["peer"]["rows"]}
    assert rows["getpid", "syscall"]["linux"]["time"]["records"] == 2
    assert "2 boots of each by turns" in str(whole.text)


def test_missing_linux_is_a_sentence(tmp_path):
    maker = Maker()
    assert "No Linux records." in str(Report(tmp_path, maker.calls()).text)
    absent = call(maker, "getpid", 44, True)
    del absent["sample"]
    absent["absent"] = "linux-image-cloud-amd64 cannot be had"
    text = str(Report(tmp_path, [*maker.calls(), absent]).text)
    assert "Linux was not measured: linux-image-cloud-amd64 cannot be had." in text


def test_counts_that_boots_do_not_agree_on_keep_their_range(tmp_path):
    maker = Maker()
    records = [call(maker, "getpid", value, linux) for value, linux in ((44, False), (300, True), (310, True))]
    records.append(call(maker, "write", 100))
    records[-1]["sample"]["inexact"] = True
    text = Report(tmp_path, records).text
    assert text.row("getpid, syscall")[:3] == ["44", "305300 to 310", "6.93"]
    assert text.row("write, syscall")[0] == "~100"


def test_record_of_linux_alone_is_about_linux(tmp_path):
    maker = Maker()
    records = crossings(maker, (343.2, 340, 346), (163.02, 160, 165), maker.linux())
    text = str(Report(tmp_path, records).text)
    assert "int 0x80 costs 2.1 × syscall" in text and "Linux 6.1.0-56-cloud-amd64, AMD" in text
    assert "This record is of Linux alone." in text


WARNING = "These are an emulator’s times (QEMU’s TCG), not hardware’s"


def test_first_line_under_tcg_says_that_it_is_an_emulator(whole):
    assert whole.done.stdout.startswith(WARNING)
    body = whole.page.partition("<body>")[2]
    first = Text(body).lines
    assert first[0].startswith(WARNING) and "exact instruction counts are what carries over" in first[0]


@pytest.mark.parametrize(
    "hypervisor, accel, emulated",
    [("TCG", None, True), (None, "tcg", True), (None, None, False), ("KVM", "kvm", False)],
)
def test_emulator_is_known_by_cpuid_or_by_the_host(hypervisor, accel, emulated):
    maker = Maker()
    maker.machine.update(hypervisor=hypervisor, host={"accel": accel} if accel else {})
    records = crossings(maker, (343, 340, 346), None)
    assert figures("", records, [])["emulated"] is emulated


def test_hardware_is_not_called_an_emulator_though_counts_come_from_one(tmp_path):
    maker = Maker()
    maker.machine.update(hypervisor="KVM", host={"accel": "kvm"})
    emulated = {**maker.machine, "hypervisor": "TCG", "host": {"accel": "tcg"}}
    records = crossings(maker, (343, 340, 346), (163, 160, 165)) + [counted(maker, 44, emulated)]
    report = Report(tmp_path, records)
    assert "emulator’s times" not in report.page + report.done.stdout
    assert "On this CPU int 0x80 costs 2.1" in str(report.text)


def test_machine_and_method_are_all_there(whole):
    text = whole.text
    machine = Maker(7).machine
    for key in ("kernel", "build", "git", "compiler", "cpu", "vendor", "features"):
        assert machine[key] in str(text)
    assert text.row("family, model, stepping")[0] == "23, 113, 0"
    assert text.row("TSC")[0] == "2.6 GHz by PIT, error 120 ppm"
    assert "docs/measuring.md" in str(text)


# -- two files -------------------------------------------------------------------------------------


def test_two_files_lie_side_by_side(two):
    text = two.text
    assert [file["name"] for file in two.figures] == ["laptop.jsonl", "server.jsonl"]
    assert len(re.findall(r"int 0x80 costs [\d.]+ × syscall", str(text))) == 2
    assert "The times of laptop.jsonl are an emulator’s" in str(text)
    assert len(text.row("median")) == 4  # both doors of both
    assert len(text.row("sum, the whole")) == 8
    for number in (1, 2):
        for plot in PLOTS:
            assert f'id="{plot}-{number}"' in two.page
    alone = figures("", Maker(8).whole(), [])["answer"]["ratio"]
    assert two.figures[0]["answer"]["ratio"] == alone


def test_files_of_the_same_name_are_told_apart(tmp_path):
    maker = Maker()
    records = crossings(maker, (343, 340, 346), None)
    report = Report(tmp_path, records, records, names=["a/record.jsonl", "b/record.jsonl"])
    names = [file["name"] for file in report.figures]
    assert names[0].endswith("a/record.jsonl") and names[1].endswith("b/record.jsonl")
    report.run(report.paths[0], report.paths[0])
    assert len({file["name"] for file in report.figures}) == 2


# -- bad input -------------------------------------------------------------------------------------


def bad_line(change=None, **keys) -> str:
    record = crossings(Maker(), (343, 340, 346), None)[0]
    record.update(keys)
    if change:
        change(record)
    return json.dumps(record)


def without(*path):
    def change(record):
        for key in path[:-1]:
            record = record[key]
        del record[path[-1]]

    return change


def put(value, *path):
    def change(record):
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = value

    return change


def with_histogram(histogram):
    def change(record):
        record["sample"]["kind"] = "single"
        record["histogram"] = histogram

    return change


BAD = {
    "cut short": bad_line()[:200],
    "garbage": "init: hello, world",
    "not UTF-8": b"\xff\xfe\x00{}",
    "not an object": "[1, 2]",
    "a number": "7",
    "unknown schema": bad_line(schema=2),
    "schema as a string": bad_line(schema="1"),
    "schema true": bad_line(schema=True),
    "no schema": bad_line(without("schema")),
    "unknown measurement": bad_line(measurement="temperature"),
    "measurement is an array": bad_line(measurement=["crossing"]),
    "no machine": bad_line(without("machine")),
    "machine is null": bad_line(machine=None),
    "no door": bad_line(without("door")),
    "unknown door": bad_line(door="sysenter"),
    "door is an object": bad_line(door={}),
    "no TSC": bad_line(without("machine", "tsc_khz")),
    "TSC of 0": bad_line(put(0, "machine", "tsc_khz")),
    "mitigations are numbers": bad_line(put({"smap": 1}, "machine", "mitigations")),
    "no median": bad_line(without("sample", "p50")),
    "median as a string": bad_line(put("343", "sample", "p50")),
    "median is null": bad_line(put(None, "sample", "p50")),
    "NaN": bad_line(put(float("nan"), "sample", "p50")),
    "Infinity": bad_line(put(float("inf"), "sample", "max")),
    "infinite by its exponent": bad_line().replace('"max": 514.5', '"max": 1e999'),
    "digits without end": bad_line().replace('"n": 100', '"n": 1' + "0" * 5000),
    "huge": bad_line(put(10**400, "sample", "n")),
    "n below zero": bad_line(put(-1, "sample", "n")),
    "n of zero": bad_line(put(0, "sample", "n")),
    "n is a fraction": bad_line(put(1.5, "sample", "n")),
    "n is true": bad_line(put(True, "sample", "n")),
    "CPU below zero": bad_line(cpu=-1),
    "interval of one": bad_line(put([343], "sample", "ci")),
    "interval the wrong way": bad_line(put([346, 340], "sample", "ci")),
    "quantiles that fall": bad_line(put(1.0, "sample", "p99")),
    "unknown kind": bad_line(put("double", "sample", "kind")),
    "kind is an array": bad_line(put([], "sample", "kind")),
    "sample is an array": bad_line(sample=[]),
    "unit of something else": bad_line(unit="instructions"),
    "neither sample nor absent": bad_line(without("sample")),
    "no histogram": bad_line(with_histogram(None)),
    "histogram without bits": bad_line(with_histogram({"counts": [[1, 100]]})),
    "bits a fraction": bad_line(with_histogram({"bits": 6.0, "counts": [[1, 100]]})),
    "bits beyond reason": bad_line(with_histogram({"bits": 60, "counts": [[1, 100]]})),
    "bucket below zero": bad_line(with_histogram({"bits": 6, "counts": [[-1, 100]]})),
    "bucket beyond 64 bits": bad_line(with_histogram({"bits": 6, "counts": [[59 << 6, 100]]})),
    "count below zero": bad_line(with_histogram({"bits": 6, "counts": [[1, -100], [2, 200]]})),
    "counts that are not n": bad_line(with_histogram({"bits": 6, "counts": [[1, 99]]})),
    "counts of counts": bad_line(with_histogram({"bits": 6, "counts": [[[1], 100]]})),
    "nested without end": "[" * 100000,
    "nested in a value": '{"schema": 1, "measurement": ' + "[" * 900 + "]" * 900 + "}",
    "long without end": '{"schema": "' + "x" * (3 << 20) + '"}',
    "brand without end": bad_line(put("x" * 5000, "machine", "cpu")),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_line_is_named_and_the_rest_is_drawn(tmp_path, name):
    bad = BAD[name] if isinstance(BAD[name], bytes) else BAD[name].encode()
    good = written(crossings(Maker(), (343.2, 340, 346), (163.02, 160, 165))).splitlines()
    content = b"\n".join([good[0].encode(), b"", bad, good[1].encode()]) + b"\n"
    report = Report(tmp_path, content)
    text = str(report.text)
    assert "int 0x80 costs 2.1 × syscall" in text, "the rest is drawn"
    assert "Traceback" not in report.done.stderr
    assert f"report: {report.paths[0]}:3: " in report.done.stderr
    assert "What was left out" in text and "r0.jsonl:3: " in text
    lines = report.done.stderr.splitlines()
    assert all(f"{report.paths[0]}:3: " in line for line in lines), "only that line"
    assert max(map(len, lines)) < 1000


def test_last_line_without_its_end_is_still_a_record(tmp_path):
    report = Report(tmp_path, written(crossings(Maker(), (260, 259, 261), None)).rstrip("\n"))
    assert "int 0x80 costs 100 ns" in str(report.text) and not report.done.stderr


def test_carriage_returns_and_the_console_prefix_do_no_harm(tmp_path):
    lines = written(crossings(Maker(), (343.2, 340, 346), (163.02, 160, 165))).splitlines()
    report = Report(tmp_path, f"{lines[0]}\r\nrecord: {lines[1]}\r\n")
    assert "int 0x80 costs 2.1 × syscall" in str(report.text) and not report.done.stderr


def test_bad_lines_without_end_are_not_all_told(tmp_path):
    good = written(crossings(Maker(), (260, 259, 261), None))
    report = Report(tmp_path, good + "garbage\n" * 5000)
    assert len(report.done.stderr.splitlines()) < 1100
    assert report.page.count("<li>") < 100 and "int 0x80 costs 100 ns" in str(report.text)


def test_file_that_cannot_be_read_does_not_stop_the_others(tmp_path):
    report = Report(tmp_path, crossings(Maker(), (260, 259, 261), None), b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    report.run(report.paths[0], tmp_path / "missing", folder, report.paths[1])
    text = str(report.text)
    assert "int 0x80 costs 100 ns" in text
    for line in ("missing: no such file or directory", "folder: is a directory", "r1.jsonl: empty"):
        assert line in report.done.stderr and line in text


@pytest.mark.parametrize("content", [b"", b"\n\n", b"garbage\n", b"\x00" * 100])
def test_nothing_to_draw_is_status_1_and_no_page(tmp_path, content):
    report = Report(tmp_path, content)
    assert report.done.returncode == 1
    assert "nothing to draw" in report.done.stderr and "Traceback" not in report.done.stderr
    assert not report.out.exists()


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\x1b[31m\u202e\ud800'


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """Markup, escape sequences and a lone surrogate wherever a record or a command has a string."""
    maker = Maker(3)
    maker.machine["mitigations"][EVIL] = EVIL
    maker.machine["host"] = {EVIL: EVIL}
    for key in ("kernel", "build", "git", "compiler", "cpu", "vendor", "features", "hypervisor", "tsc_source"):
        maker.machine[key] = EVIL
    linux = call(maker, "getpid", 44, True)
    del linux["sample"]
    linux["absent"] = EVIL
    content = [*maker.whole(), linux, {**linux, "measurement": EVIL}]
    folder = tmp_path_factory.mktemp("evil")
    return Report(folder, content, names=["<script>alert(3)<!--\x1b[31m.jsonl"])


def test_markup_in_strings_stays_text(evil):
    assert evil.done.returncode == 0, evil.done.stderr
    assert not [tag for tag, attributes in Text(evil.page).elements if tag in ("script", "img") or "onerror" in attributes]
    assert "<script>alert(1)</script>" in str(evil.text)  # as text


def test_control_characters_of_a_record_do_not_reach_terminal_or_page(evil):
    for text in (evil.page, evil.done.stdout, evil.done.stderr):
        assert "\x1b" not in text and "\u202e" not in text
    assert "[31m" in evil.page and "[31m" in evil.done.stderr


def test_page_without_gnuplot_has_tables_and_says_why(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    report = Report(tmp_path, Maker(7).whole(), env={"PATH": str(empty)})
    text = report.text
    assert "gnuplot is missing" in report.done.stderr and "gnuplot is missing" in str(text)
    assert "<svg" not in report.page
    assert text.row("sum, the whole") and report.page.count("<details open>") >= 3
    assert "0x80 costs 2.1" in str(text)


@pytest.mark.parametrize("script", ["exit 1", "echo '<svg'; exit 0", "kill -9 $$"])
def test_gnuplot_that_fails_is_a_sentence(tmp_path, script):
    gnuplot = tmp_path / "bin/gnuplot"
    gnuplot.parent.mkdir()
    gnuplot.write_text(f"#!/bin/sh\n{script}\n")
    gnuplot.chmod(0o755)
    report = Report(tmp_path, Maker(7).whole(), env={"PATH": f"{gnuplot.parent}:{os.environ['PATH']}"})
    assert "gnuplot could not draw" in report.done.stderr and "gnuplot could not draw" in str(report.text)
    assert "<svg" not in report.page and "Traceback" not in report.done.stderr


def test_folder_that_cannot_be_written_is_a_sentence_and_status_1(tmp_path):
    (tmp_path / "out").write_text("a file in its place")
    report = Report(tmp_path, crossings(Maker(), (260, 259, 261), None))
    assert report.done.returncode == 1
    assert "out: " in report.done.stderr and "Traceback" not in report.done.stderr


@pytest.mark.parametrize("ticks", [0, 1e-9, 1e17])
def test_extreme_values_are_drawn(tmp_path, ticks):
    maker = Maker()
    records = crossings(maker, (ticks, ticks, ticks), (163, 160, 165))
    records += ladder(maker, bare=(ticks, ticks, ticks), real=(ticks, ticks, ticks))
    rate = {"kind": "rate", "calls_per_second": ticks, "each": [ticks], "seconds": 0}
    records.append(maker.record("scale", rate, door="int", threads=10**6))
    lone = {**sample(ticks, ticks, ticks), "kind": "single", "n": 3}
    lone["histogram"] = {"bits": 6, "counts": [[0, 1], [(59 << 6) - 1, 2]]}
    records.append(maker.record("crossing", lone, cpu=10**15, door="int"))
    report = Report(tmp_path, records)
    assert report.done.returncode == 0 and not report.done.stderr, report.done.stderr
    assert report.page.count("<svg") >= 5


# -- in the browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--host-resolver-rules=MAP * ~NOTFOUND"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


def show(browser, report, width=1280, scheme="light", media=""):
    browser.get_log("browser"), browser.get_log("performance")
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get((report.out / "index.html").as_uri())


PAGES = pytest.mark.parametrize("page", ["whole", "two", "evil"])
WIDTHS = pytest.mark.parametrize("width", [1280, 390, 320])


@PAGES
def test_page_loads_without_console_error_or_request(request, browser, page):
    report = request.getfixturevalue(page)
    show(browser, report)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url.partition(":")[0] for url in asked if not url.startswith("data:")] == ["file"]
    assert browser.execute_script("return document.scripts.length") == 0


# Of each plot that is to be seen: its box, and what is drawn in its canvas in the doors' colours.
DRAWN = """
return [...document.querySelectorAll('figure')].map(figure => {
  const seen = [...figure.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width > 0);
  const box = seen.length ? seen[0].getBoundingClientRect() : {width: 0, height: 0};
  const inside = [...(seen[0] || figure).querySelectorAll('path, polygon, use, rect')].filter(mark => {
    const own = mark.getBoundingClientRect();
    const paint = getComputedStyle(mark);
    const door = ['int', 'syscall'].some(name => {
      const sample = document.createElement('i');
      sample.style.color = `var(--${name})`;
      document.body.append(sample);
      const colour = getComputedStyle(sample).color;
      sample.remove();
      return [paint.stroke, paint.fill, paint.color].includes(colour);
    });
    return door && own.width + own.height > 3 && own.left >= box.left - 1 && own.right <= box.right + 1
      && own.top >= box.top - 1 && own.bottom <= box.bottom + 1;
  });
  return [figure.id, seen.length, box.width, box.height, inside.length];
});
"""


@PAGES
@WIDTHS
def test_every_plot_is_there_and_drawn(request, browser, page, width):
    report = request.getfixturevalue(page)
    show(browser, report, width)
    drawn = {row[0]: row[1:] for row in browser.execute_script(DRAWN)}
    assert sorted(drawn) == sorted(f"{plot}-{n + 1}" for plot in PLOTS for n in range(len(report.figures)))
    for name, (seen, wide, high, marks) in drawn.items():
        assert seen == 1, f"{name}: {seen} plots are seen"
        assert wide > 0.4 * min(width, 860) and high > 200, f"{name} is {wide} by {high}"
        assert marks >= 4, f"{name} has {marks} marks in the doors' colours"


@PAGES
@WIDTHS
def test_page_does_not_scroll_sideways(request, browser, page, width):
    show(browser, request.getfixturevalue(page), width)
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    beyond = """return [...document.querySelectorAll('body *')].filter(each => !each.closest('.scroll')
        && each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 80))"""
    assert browser.execute_script(beyond) == []


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


COLOURS = """
const paints = (what, property) => [...new Set([...document.querySelectorAll(what)]
  .filter(each => each.textContent.trim() || property == 'stroke').map(each => getComputedStyle(each)[property]))];
return {page: getComputedStyle(document.body).backgroundColor, text: paints('svg text, svg tspan', 'fill'),
  lines: paints('svg path[stroke*="--int"], svg path[stroke*="--syscall"]', 'stroke'),
  words: paints('p, h1, h2, h3, td, th, caption, figcaption, summary, small, li, code, td span, th span', 'color'),
  banner: [getComputedStyle(document.querySelector('.emulated')).backgroundColor,
           getComputedStyle(document.querySelector('.emulated')).color]};
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_can_be_read_in_both_schemes(browser, whole, scheme):
    show(browser, whole, scheme=scheme)
    colours = browser.execute_script(COLOURS)
    assert (luminance(colours["page"]) > 0.5) is (scheme == "light")
    assert colours["text"] and len(colours["lines"]) == 2
    for colour in [*colours["text"], *colours["words"]]:
        assert contrast(colour, colours["page"]) >= 4.5, colour
    for colour in colours["lines"]:
        assert contrast(colour, colours["page"]) >= 3, colour
    assert contrast(*colours["banner"]) >= 4.5


def test_plots_text_is_large_enough_on_a_phone(browser, whole):
    for width in (390, 320):
        show(browser, whole, width)
        heights = browser.execute_script(
            "return [...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect())"
            ".filter(box => box.width > 0).map(box => Math.min(box.width, box.height))"
        )
        assert len(heights) > 50
        sizes = browser.execute_script(
            "return [...document.querySelectorAll('svg text')].filter(t => t.getBoundingClientRect().width)"
            ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a || 99)"
        )
        assert min(sizes) >= 9, sorted(sizes)[:5]


@PAGES
def test_each_plot_has_a_text_alternative_and_its_data(request, browser, page):
    show(browser, request.getfixturevalue(page))
    told = browser.execute_script("""return [...document.querySelectorAll('svg')].map(svg => [svg.getAttribute('role'),
        ...svg.getAttribute('aria-labelledby').split(' ').map(id => document.getElementById(id).textContent),
        svg.closest('figure').querySelectorAll('details table tbody tr').length])""")
    assert told
    for role, title, description, rows in told:
        assert role == "img" and title.strip() and rows > 0
        assert re.search(r"\d", description), description
    seen = [svg for svg in browser.find_elements("css selector", "svg") if svg.is_displayed()]
    assert seen and all(svg.accessible_name.strip() for svg in seen)


@PAGES
def test_page_is_built_as_a_document(request, browser, page):
    report = request.getfixturevalue(page)
    show(browser, report)
    ids = re.findall(r"\bid=[\"']([^\"']+)", report.page)
    assert len(ids) == len(set(ids))
    levels = browser.execute_script("return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert browser.execute_script("return document.documentElement.lang") == "en"
    unscoped = browser.execute_script("return document.querySelectorAll('th:not([scope])').length")
    assert unscoped == 0
    uneven = """return [...document.querySelectorAll('table')].filter(table => new Set([...table.tBodies[0].rows]
        .map(row => [...row.cells].reduce((n, cell) => n + cell.colSpan, 0))).size > 1
        || [...table.tHead.rows].at(-1).cells.length + (table.tHead.rows.length > 1)
           != [...table.tBodies[0].rows[0].cells].reduce((n, cell) => n + cell.colSpan, 0)).map(t => t.caption.textContent)"""
    assert browser.execute_script(uneven) == []


def test_paper_has_the_plots_their_data_and_no_table_cut_off(browser, whole):
    show(browser, whole, width=700, scheme="dark", media="print")  # what A4 leaves between its margins
    colours = browser.execute_script(COLOURS)
    assert contrast(colours["page"], "rgb(255, 255, 255)") == 1
    assert all(contrast(colour, colours["page"]) >= 4.5 for colour in [*colours["text"], *colours["words"]])
    cut = """return [...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > innerWidth)
        .map(t => t.caption.textContent)"""
    assert browser.execute_script(cut) == []
    hidden = """return [...document.querySelectorAll('figure details:not(.long) table')]
        .filter(t => !t.checkVisibility({contentVisibilityAuto: true})).length"""
    assert browser.execute_script(hidden) == 0
