"""What /bin/bench measures and records. Times are never asserted; exact counts are."""

from __future__ import annotations

import sys

import checks
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import record  # noqa: E402

OPEN = {"both": {"int", "syscall"}, "int": {"int"}, "syscall": {"syscall"}}
NAMES = {"int": "int 0x80", "syscall": "syscall"}
ENTRIES = list(OPEN)


def bench(boot, words: str = "", line: str = "", **where) -> list[dict]:
    """The records of a run, every one of them good."""
    done = boot(f"{line} init=/bin/bench -- --record - {words}", **where).check()
    lines = [line for line in done.lines if line.startswith(record.PREFIX)]
    records, problems = record.parse(lines, "console")
    assert not problems, "\n".join(problems)
    assert records, done.log
    return records


def exact(boot, only: str = "", line: str = "", **where) -> list[dict]:
    words = "--exact" + (f" --only {only}" if only else "")
    return bench(boot, words, line, icount=True, **where)


def pick(records: list[dict], measurement: str, **keys) -> list[dict]:
    chosen = [each for each in records if each["measurement"] == measurement]
    return [each for each in chosen if all(each[key] == value for key, value in keys.items())]


def count(records: list[dict], measurement: str, **keys) -> int:
    """The one exact count that there is of this."""
    chosen = pick(records, measurement, **keys)
    assert len(chosen) == 1, f"{len(chosen)} records of {measurement} {keys}"
    sample = chosen[0].get("sample")
    assert sample, f"{measurement} {keys}: absent, {chosen[0]['absent']}"
    assert not sample.get("inexact"), f"{measurement} {keys} is not exact: {sample}"
    assert sample["value"] == int(sample["value"])
    return int(sample["value"])


def null_call(boot, entry: str = "both") -> dict[str, int]:
    """getpid's instructions by door, as /bin/exact counts them."""
    counts = checks.exact_counts(boot, entry=entry, smp=1)
    return {door: counts["getpid", NAMES[door]] for door in OPEN[entry]}


@pytest.mark.parametrize("entry, smp", [("both", 1), ("both", 2), ("int", 2), ("syscall", 1)])
def test_every_record_of_a_timed_run_is_whole_and_every_part_is_there(boot, entry, smp):
    records = bench(boot, "--host qemu=7 --host 'name=a \"b\"'", "lab=on", entry=entry, smp=smp)
    assert {each["measurement"] for each in records} == set(record.MEASUREMENTS)
    machine = records[0]["machine"]
    assert all(each["machine"] == machine and each["unit"] == "ticks" for each in records)
    assert machine["host"] == {"qemu": "7", "name": 'a "b"'}
    assert (machine["cpus"], machine["entry"], machine["icount"]) == (smp, entry, False)
    assert machine["hypervisor"] == "TCG" and machine["kernel"].startswith("Sallyport ")
    for door in NAMES:
        for each in [*pick(records, "crossing", door=door), *pick(records, "throughput", door=door)]:
            assert ("sample" in each) == (door in OPEN[entry]), each
    opened = OPEN[entry].__contains__
    crossings = [each for each in pick(records, "crossing") if opened(each["door"])]
    assert [each["cpu"] for each in crossings] == sorted(list(range(smp)) * len(OPEN[entry]))
    assert all(each["sample"]["n"] == 20000 for each in crossings)
    assert all(each["sample"]["migrated"] == 0 for each in crossings)
    assert all(isinstance(each["sample"]["ticked"], int) for each in crossings)
    names = {each["name"] for each in pick(records, "call") if "sample" in each}
    assert names == set(record.CALLS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_ladder_climbs_from_the_bare_door_to_the_real_one(boot, entry):
    records = exact(boot, "crossing,ladder,ways", "lab=on", entry=entry, smp=1)
    for door, whole in null_call(boot, entry).items():
        rungs = [count(records, "ladder", door=door, rung=rung) for rung in record.RUNGS]
        steps = [high - low for low, high in zip([0, *rungs], rungs)]
        assert all(step >= 0 for step in steps) and steps[0] > 0, rungs
        assert len(set(rungs)) >= 5, f"a rung adds nothing: {rungs}"
        assert sum(steps) == whole == count(records, "crossing", door=door, cpu=0)
    for door in set(NAMES) - OPEN[entry]:
        absent = [each["absent"] for each in pick(records, "ladder", door=door)]
        assert absent == ["closed in this build"] * len(record.RUNGS)


def test_both_ways_in_are_counted_with_both_ways_out(boot, monkeypatch):
    monkeypatch.delenv("CMDLINE", raising=False)  # the crossed doors know no isolation
    records = exact(boot, "ways", "lab=on", smp=1)
    ways = {
        (into, out): count(records, "ways", **{"in": into, "out": out})
        for into in NAMES
        for out in ("iretq", "sysretq")
    }
    whole = null_call(boot)
    assert ways["int", "iretq"] == whole["int"] and ways["syscall", "sysretq"] == whole["syscall"]


def test_crossed_ways_are_absent_where_the_doors_change_page_tables(boot):
    records = exact(boot, "ways", "lab=on kpti=on", smp=1)
    why = {(each["in"], each["out"]): each.get("absent") for each in pick(records, "ways")}
    assert why["int", "iretq"] is None and why["syscall", "sysretq"] is None
    crossed = why["int", "sysretq"], why["syscall", "iretq"]
    assert set(crossed) == {"not with this build and these mitigations"}


def test_without_the_lab_its_rows_say_so_and_the_rest_is_measured(boot):
    records = exact(boot, "crossing,ladder,ways", smp=1)
    assert not records[0]["machine"]["lab"]
    assert {each.get("absent") for each in pick(records, "ladder")} == {"booted without lab=on"}
    crossed = [("int", "sysretq"), ("syscall", "iretq")]
    for each in pick(records, "ways"):
        lacking = (each["in"], each["out"]) in crossed
        assert each.get("absent") == ("booted without lab=on" if lacking else None)
    assert count(records, "crossing", door="int", cpu=0)


def test_a_call_counts_the_same_however_many_cpus_there_are_and_call(boot):
    whole = null_call(boot)
    for smp in (1, 2, 4):
        records = exact(boot, "crossing,scale", smp=smp)
        assert {each["threads"] for each in pick(records, "scale")} == {1, 2, 4} & set(range(smp + 1))
        for door in NAMES:
            for threads in {each["threads"] for each in pick(records, "scale")}:
                assert count(records, "scale", door=door, threads=threads) == whole[door]
            for cpu in range(smp):
                assert count(records, "crossing", door=door, cpu=cpu) == whole[door]


def test_counts_of_calls_are_the_same_in_every_run(boot):
    first, second = (exact(boot, "calls", smp=1) for _ in range(2))
    for door in NAMES:
        for name in record.CALLS[:8]:
            assert count(first, "call", name=name, door=door) == count(second, "call", name=name, door=door)
    assert count(first, "call", name="page fault") == count(second, "call", name="page fault")


def test_records_reach_the_second_serial_port(boot, tmp_path):
    path = tmp_path / "record.jsonl"
    done = boot("init=/bin/bench -- --only clock", record=str(path), smp=1).check()
    assert not done.find("^" + record.PREFIX)
    records, problems = record.load(path)
    assert not problems
    assert [each["what"] for each in records] == ["bracket", "empty loop"]


def test_what_the_kernel_says_of_itself_is_in_every_record(boot):
    for each in bench(boot, "--only clock", "lab=on", smp=1):
        machine = each["machine"]
        assert machine["lab"] is True and isinstance(machine["erms"], bool)
        assert all(machine[key] for key in ("build", "git", "compiler", "features"))
        assert set(machine["mitigations"].values()) <= {"on", "off", "absent"}
        assert {"smap", "index_mask", "kpti"} <= set(machine["mitigations"])


def test_instructions_are_refused_where_the_clock_counts_time(boot):
    done = boot("init=/bin/bench -- --exact --record -", smp=1).check(1)
    done.one("^bench: not under -icount shift=0,sleep=off: these are ticks, not instructions$")
    assert not done.find("^" + record.PREFIX)


def test_words_that_mean_nothing_are_refused_with_the_usage(boot):
    lines = ["--only,ladders", "--only,clock,", "--only", "--fast", "more", "--host", "--host,=x", "--host,qemu"]
    words = " ".join(f"'/bin/bench,{line}=2'" for line in lines)
    done = boot(f"init=/test/runner -- {words}", smp=1)
    assert len(done.check_ktap()) == len(lines)
    assert len(done.find("^usage: bench ")) == len(lines) and not done.find("^" + record.PREFIX)
