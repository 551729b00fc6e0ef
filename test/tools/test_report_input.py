"""The report's bad input: files and lines that are no records, strings and numbers that mean harm, no
gnuplot. What is bad is named, the rest is drawn."""

import json
import os
import subprocess
import sys

import pytest
from records import Maker, written
from reports import ROOT, Report, Text, crossings, evil, ladder, sample

__all__ = ["evil"]  # a fixture


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
    "a float without end": bad_line().replace("343", "1e300"),
    "TSC of next to nothing": bad_line(put(1e-300, "machine", "tsc_khz")),
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
    assert len(report.done.stderr.splitlines()) < 30
    assert report.page.count("<li>") < 100 and "int 0x80 costs 100 ns" in str(report.text)


def test_string_without_end_is_shortened(tmp_path):
    maker = Maker(brand="x" * 500000)
    report = Report(tmp_path, crossings(maker, (260, 259, 261), None))
    assert "int 0x80 costs 100 ns" in str(report.text) and len(report.page) < 50000


def test_file_without_end_is_read_up_to_a_bound(tmp_path):
    good = written(crossings(Maker(), (260, 259, 261), None))
    report = Report(tmp_path, good + "\n" * 200000 + good)
    assert "what follows line 100000 was not read" in report.done.stderr
    assert report.figures[0]["answer"]["doors"]["int"]["time"]["records"] == 1


def test_file_that_cannot_be_read_does_not_stop_the_others(tmp_path):
    report = Report(tmp_path, crossings(Maker(), (260, 259, 261), None), b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    report.run(report.paths[0], tmp_path / "missing", folder, report.paths[1])
    text = str(report.text)
    assert "int 0x80 costs 100 ns" in text
    for line in ("missing: no such file or directory", "folder: is a directory", "r1.jsonl: empty"):
        assert line in report.done.stderr and line in text
    assert len(report.figures) == 1 and "No crossing was measured" not in report.done.stdout + text


@pytest.mark.parametrize("content", [b"", b"\n\n", b"garbage\n", b"\x00" * 100])
def test_nothing_to_draw_is_status_1_and_no_page(tmp_path, content):
    report = Report(tmp_path, content)
    assert report.done.returncode == 1
    assert "nothing to draw" in report.done.stderr and "Traceback" not in report.done.stderr
    assert not report.out.exists()


def test_markup_in_strings_stays_text(evil):
    assert evil.done.returncode == 0, evil.done.stderr
    assert not [
        tag
        for tag, attributes in Text(evil.page).elements
        if tag in ("script", "img") or "onerror" in attributes
    ]
    assert "<script>alert(1)</script>" in str(evil.text)  # as text


def test_control_characters_of_a_record_do_not_reach_terminal_or_page(evil):
    for text in (evil.page, evil.done.stdout, evil.done.stderr):
        assert "\x1b" not in text and "\u202e" not in text
    assert "[31m" in evil.page and "[31m" in evil.done.stderr


def test_reader_that_goes_away_is_no_error(tmp_path):
    report = Report(tmp_path, Maker().clock())
    command = f'"{sys.executable}" "{ROOT}/tools/report" --out "{report.out}" "{report.paths[0]}" | true; '
    done = subprocess.run(
        ["bash", "-c", command + 'exit "${PIPESTATUS[0]}"'],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


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
    report = Report(
        tmp_path, Maker(7).whole(), env={"PATH": f"{gnuplot.parent}:{os.environ['PATH']}"}
    )
    assert "gnuplot could not draw" in report.done.stderr and "gnuplot could not draw" in str(
        report.text
    )
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
