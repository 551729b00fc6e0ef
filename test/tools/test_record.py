"""Reading records: what is bad is named with file and line, whatever it is, and the rest is kept."""

from __future__ import annotations

import copy
import json
import random
import sys
import time
from pathlib import Path

import pytest
from records import Maker, index_of

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import record  # noqa: E402


def single() -> dict:
    return maker.record("crossing", maker.single(343.0), cpu=0, door="int")


def counted() -> dict:
    return maker.record("ladder", {"kind": "exact", "per": 1000, "value": 39}, cpu=0, door="int", rung="real")


def absent() -> dict:
    whole = counted()
    del whole["sample"]
    return whole | {"absent": "booted without lab=on"}


def rate() -> dict:
    sample = {"kind": "rate", "calls_per_second": 3.5, "each": [1.5, 2], "seconds": 0.3}
    return maker.record("scale", sample, door="int", threads=2)


maker = Maker(7)
GOOD = [single(), counted(), absent(), rate()]


def test_good_records_are_good():
    for each in GOOD:
        assert record.check(each) == []


def test_bad_lines_are_named_and_the_others_kept(tmp_path):
    path = tmp_path / "x.jsonl"
    good = [json.dumps(each) for each in GOOD]
    lines = [good[0] + "\r", "[  0.1] a kernel's line", "", good[1], "\0\xff", record.PREFIX + good[2]]
    path.write_bytes("\n".join([*lines, "[" * 100000, "1" * 5000, good[3][:200]]).encode("latin-1"))
    records, problems = record.load(path)
    assert records == GOOD[:3]
    assert [problem.split(": ")[0] for problem in problems] == [f"{path}:{n}" for n in (2, 5, 7, 8, 9)]
    assert problems[-1].endswith("the file ends here")


def test_string_instructions_of_the_cpu_are_said_or_not_and_nothing_else():
    for said, good in ((True, True), (False, True), ("yes", False), (None, False)):
        entry = copy.deepcopy(GOOD[1])
        assert "erms" not in entry["machine"]
        entry["machine"]["erms"] = said
        assert (record.check(entry) == []) is good, said


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        record.load(tmp_path / "none")


@pytest.mark.parametrize("which", range(len(GOOD)))
def test_every_key_is_missed(which):
    own = record.MEASUREMENTS[GOOD[which]["measurement"]]
    for key in ["schema", "measurement", "unit", "machine", *own]:
        broken = copy.deepcopy(GOOD[which])
        del broken[key]
        assert record.check(broken), key
    for inner in ("machine", "sample"):
        for key in GOOD[which].get(inner, {}):
            broken = copy.deepcopy(GOOD[which])
            del broken[inner][key]
            assert record.check(broken), f"{inner} {key}"


def test_contradictions_are_found():
    def broken(change, good=GOOD[0]) -> list[str]:
        one = copy.deepcopy(good)
        change(one)
        return record.check(one)

    assert broken(lambda one: one["sample"].update(p90=one["sample"]["p50"] - 1))
    assert broken(lambda one: one["sample"].update(ci=[0, 1]))
    assert broken(lambda one: one["sample"].update(n=one["sample"]["n"] + 1))
    assert broken(lambda one: one["sample"].update(mean=float("nan")))
    assert broken(lambda one: one["sample"].update(max=10**400))
    assert broken(lambda one: one.update(unit="instructions"))
    assert broken(lambda one: one.update(absent="why"))
    assert broken(lambda one: one.update(door="libc"))
    assert broken(lambda one: one["histogram"]["counts"].append([59 * 64, 0]))
    assert broken(lambda one: one.pop("histogram"))
    assert broken(lambda one: one.update(absent=""), GOOD[2])
    assert broken(lambda one: one.pop("absent"), GOOD[2])


def test_buckets_are_as_the_bench_fills_them():
    values = [*range(1000), *(1 << bit for bit in range(64)), (1 << 64) - 1]
    for value in values:
        low, high = record.bucket_bounds(index_of(value))
        assert low <= value <= high
        assert abs(record.bucket_value(index_of(value)) - value) <= value / 64
    assert record.bucket_bounds(59 * 64 - 1)[1] == (1 << 64) - 1


def test_no_change_of_a_record_is_more_than_a_problem():
    seed = int(time.time())
    print("seed", seed)
    chance = random.Random(seed)
    junk = [None, True, -1, 0, 1.5, 1e308, 10**400, "", "x", [], [1], [[1, 2]], {}, {"kind": []}]

    def places(value, path=()):
        yield path
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in pairs:
            yield from places(inner, (*path, key))

    for _ in range(3000):
        broken = copy.deepcopy(chance.choice(GOOD[1:]))
        path = chance.choice(list(places(broken)))
        if not path:
            broken = chance.choice(junk)
        else:
            inner = broken
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = chance.choice(junk)
        assert isinstance(record.check(broken), list)
