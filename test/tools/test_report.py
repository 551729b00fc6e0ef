"""The report says what the records say: its figures, and the page's words about them."""

import copy
import re

import pytest
from records import LADDER, Maker, index_of
from reports import PLOTS, Report, Text, call, counted, crossings, ladder, sample, two, whole

from page_estimate import Unit  # isort: skip
from page_figures import boot_medians, figures  # isort: skip
from record import bucket_bounds  # isort: skip

__all__ = ["two", "whole"]  # fixtures

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
        low, high = bucket_bounds(index_of(value, bits), bits)
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
            door_itself = unit == "instructions"  # which no count holds
            assert one["floor"] == one["steps"][0]["whole"] + door_itself
            assert one["times_floor"] == pytest.approx((one["whole"] + door_itself) / one["floor"])
        assert anatomy[door]["instructions"]["whole"] == counts[-1]
    text = whole.text
    assert text.row("sum, the whole")[0::2] == ["39", "44"]
    assert text.row("with the door’s own instruction") == ["40", "–", "45", "–"]
    assert text.row("times the floor")[0::2] == ["20", "22.5"]
    floor = "2 instructions by int 0x80, and getpid’s 40 are 20 × that; 2 instructions by syscall, "
    assert floor + "and getpid’s 45 are 22.5 × that" in str(text)
    assert text.row("masked dispatch")[0::2] == ["+7", "+7"]
    assert "add up to the whole: 39 by int 0x80, 44 by syscall." in str(text)
    assert "44 by syscall; with the door’s own instruction 20 and 22.5 × the floor" in str(text)


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
    rows = [
        row
        for row in whole.text.rows
        if row and row[0] in ("int 0x80", "syscall") and len(row) == 5
    ]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("int 0x80", "39", "41"),
        ("syscall", "46", "44"),
    ]


def test_each_mitigation_has_its_rows(whole):
    text = whole.text
    assert text.row("SMAP (stac, clac), syscall")[:3] == ["42", "44", "+2"]
    assert text.row("registers cleared, int 0x80")[:3] == ["39", "53", "+14"]
    assert text.row("page-table isolation, int 0x80")[:3] == ["39", "45", "+6"]
    assert text.row("page-table isolation, int 0x80")[6].startswith("off by default")
    for name in ("IBRS", "IBPB", "PCID, with isolation"):
        assert text.row(name) == ["not on this CPU"]


def smap_boots(maker: Maker, on: list[tuple], off: list[tuple]) -> list[dict]:
    """Boots with SMAP, which is the default, and without it."""
    without = copy.deepcopy(maker.machine)
    without["mitigations"]["smap"] = "off"
    records = maker.clock()
    for machine, boots in ((None, on), (without, off)):
        for boot in boots:
            records += crossings(maker, boot, None, machine)
    return records


ON = (312, 300, 330)


@pytest.mark.parametrize(
    "on, off, note",
    [
        ([ON, ON], [(286, 280, 290)] * 2, ""),
        ([ON, ON], [(286, 280, 320)] * 2, "no difference shown in time"),
        ([ON, ON], [(286, 280, 290), (286, 280, 300)], "no difference shown in time"),
        ([ON, ON], [(286, 280, 290)], "one boot of a side shows no difference in time"),
        ([ON], [(286, 280, 290)] * 2, "one boot of a side shows no difference in time"),
    ],
)
def test_mitigation_whose_boots_overlap_or_are_too_few_shows_no_difference(tmp_path, on, off, note):
    report = Report(tmp_path, smap_boots(Maker(), on, off))
    smap = next(row for row in report.figures[0]["mitigations"] if row["name"] == "smap")
    assert smap["doors"]["int"]["time"]["shown"] is (not note)
    cells = report.text.row("SMAP (stac, clac), int 0x80")
    assert cells[3:6] == ["110", "120", "+10.0"]
    assert cells[6] == "; ".join(filter(None, ["on by default", note]))


@pytest.mark.parametrize("low, shown", [(290, False), (330, True)])
def test_difference_no_larger_than_two_boots_alike_have_is_none_though_intervals_lie_apart(low, shown):
    off = [(286, 285, 287), (286, 285, 287)]
    on = [(low, low - 1, low + 1), (338, 337, 339)]
    rows = {row["name"]: row for row in figures("", smap_boots(Maker(), on, off), [])["mitigations"]}
    assert rows["smap"]["doors"]["int"]["time"]["shown"] is shown


def test_medians_of_boots_keep_boots_apart_and_take_all_cpus_together():
    maker = Maker(cpus=3, tsc_khz=1000000)
    records = []
    for boot in (100, 200):
        for cpu in range(3):
            ticks = sample(boot + cpu, boot, boot + 3)
            records.append(maker.record("crossing", ticks, cpu=cpu, door="int"))
    assert boot_medians(records, "int", Unit(records)) == [101, 201]
    assert boot_medians(records, "syscall", Unit(records)) == []
    assert figures("", records, [])["answer"]["boots"] == 2


def test_mitigation_off_by_default_compares_the_same_way_round():
    maker = Maker()
    on = copy.deepcopy(maker.machine)
    on["mitigations"]["clear_regs"] = "on"
    records = [counted(maker, 58, on), *maker.clock(), counted(maker, 44)]
    rows = {row["name"]: row for row in figures("", records, [])["mitigations"]}
    known = rows["clear_regs"]["doors"]["syscall"]["instructions"]
    assert known == {"on": 58, "off": 44, "difference": 14}


def test_how_far_apart_two_boots_by_default_lie_is_told(tmp_path):
    maker = Maker()
    on = copy.deepcopy(maker.machine)
    on["mitigations"]["clear_regs"] = "on"
    records = crossings(maker, (300, 299, 301), None) + crossings(maker, (330, 329, 331), None)
    records += maker.clock() + crossings(maker, (400, 399, 401), None, on)
    report = Report(tmp_path, records)
    assert report.figures[0]["between_boots"] == {"int": pytest.approx(0.1)}
    assert "lay up to 10 % by int 0x80 apart" in str(report.text)


def test_pcid_is_compared_with_isolation_on_both_sides():
    maker = Maker()
    maker.machine["mitigations"]["pcid"] = "on"
    kpti, without = (copy.deepcopy(maker.machine) for _ in range(2))
    kpti["mitigations"]["kpti"] = without["mitigations"]["kpti"] = "on"
    without["mitigations"]["pcid"] = "off"
    records = maker.clock() + [
        counted(maker, 44),
        counted(maker, 50, kpti),
        counted(maker, 47, without),
    ]
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
    assert text.row("getpid, syscall") == [
        "44",
        "308",
        "7.00",
        "100",
        "500",
        "5.00",
        "ahead",
    ]
    assert text.row("write, syscall")[3:] == ["200", "100", "0.50", "we lose in time"]
    assert [row[0] for row in text.rows if "we lose" in row[0]] == ["write, syscallwe lose"]
    assert text.row("page fault, syscall")[6] == "no difference shown in time"
    assert text.row("ENOSYS, syscall")[6] == "equal in instructions"
    assert "we lose 1 of 5: write by syscall in time" in report.done.stdout


def test_counts_whose_ranges_overlap_show_no_difference_and_only_the_same_are_equal():
    maker = Maker()
    records = [call(maker, "write", 100), call(maker, "write", 90, True), call(maker, "write", 110, True)]
    assert figures("", records, [])["peer"]["rows"][0]["instructions"]["ahead"] == "not shown"
    records = [call(maker, "write", 100), call(maker, "write", 100, True)]
    assert figures("", records, [])["peer"]["rows"][0]["instructions"]["ahead"] == "equal"


@pytest.mark.parametrize("erms", [True, False, None])
def test_clearing_of_a_page_is_told_from_the_rest_of_a_fault(tmp_path, erms):
    maker = Maker()
    if erms is not None:
        maker.machine["erms"] = erms
    records = [call(maker, "page fault", 1024), call(maker, "page fault", 8192, True)]
    text = str(Report(tmp_path, records).text)
    told = "512 of 1,024, 50 %; Linux by bytes (rep stosb), as it does on CPUs with ERMS: 4,096 of 8,192, 50 %"
    assert (told in text) is (erms is True)
    assert ("Without the clearing the ratio is 8." in text) is (erms is True)
    records[0]["sample"]["value"] = 500
    assert "Without the clearing" not in str(Report(tmp_path, records).text)


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
    records = [
        call(maker, "getpid", value, linux)
        for value, linux in ((44, False), (300, True), (310, True))
    ]
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
    assert (
        first[0].startswith(WARNING)
        and "exact instruction counts are what carries over" in first[0]
    )


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
