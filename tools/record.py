"""The bench's records, read and checked: JSON Lines as docs/measuring.md describes them.

    records, problems = load("build/report/record.jsonl")

Shared by tools/measure, tools/report and the boot tests. A bad line is a problem with its file and
line, never an exception, and never stops what follows it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable

SCHEMA = 1
PREFIX = "record: "  # in front of a record that came over the console

DOORS = ("int", "syscall")
RUNGS = ("bare", "swapgs", "stack", "frame", "dispatch", "real")
CALLS = (
    "getpid",
    "ENOSYS",
    "clock_gettime",
    "write",
    "futex wake",
    "futex handoff",
    "sched_yield",
    "mmap touch munmap",
    "page fault",
    "thread create join",
)
UNITS = ("ticks", "instructions")


def load(path: str | Path) -> tuple[list[dict], list[str]]:
    """The good records of a file, and a sentence for each bad line. OSError if it cannot be read."""
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        return parse(file, str(path))


def parse(lines: Iterable[str], name: str) -> tuple[list[dict], list[str]]:
    records: list[dict] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix(PREFIX)
        if not text:
            continue
        try:
            record = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            cut = "" if line.endswith("\n") else "; the file ends here"
            why = getattr(error, "msg", error)  # without json's own line and column
            problems.append(f"{name}:{number}: not a record: {why}{cut}")
            continue
        wrong = check(record)
        problems += [f"{name}:{number}: {what}" for what in wrong]
        if not wrong:
            records.append(record)
    return records, problems


def bucket_bounds(index: int, bits: int = 6) -> tuple[int, int]:
    """The least and the greatest value that a bucket counts."""
    if index < 2 << bits:
        return index, index
    shift = (index >> bits) - 1
    low = ((1 << bits) + (index & ((1 << bits) - 1))) << shift
    return low, low + (1 << shift) - 1


def bucket_value(index: int, bits: int = 6) -> float:
    """What is shown for a bucket: its middle."""
    low, high = bucket_bounds(index, bits)
    return (low + high) / 2


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _number(value: Any) -> bool:
    """Not so large that arithmetic with it ends in infinity; NaN is not less than anything."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 64


def _count(value: Any) -> bool:
    return isinstance(value, int) and _number(value) and value >= 0


def _amount(value: Any) -> bool:
    return _number(value) and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _bool(value: Any) -> bool:
    return isinstance(value, bool)


def _or_null(kind):
    return lambda value: value is None or kind(value)


def _one_of(*values: str):
    return lambda value: isinstance(value, str) and value in values


def _interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_amount, value)) and value[0] <= value[1]


def _amounts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_amount, value))


MACHINE = {
    "kernel": _text,
    "build": _or_null(_text),
    "git": _or_null(_text),
    "entry": _or_null(_one_of("both", "int", "syscall")),
    "compiler": _or_null(_text),
    "cpu": _text,
    "vendor": _text,
    "family": _count,
    "model": _count,
    "stepping": _count,
    "features": _or_null(lambda value: isinstance(value, str)),
    "mitigations": _or_null(_texts),
    "lab": _bool,
    "hypervisor": _or_null(_text),
    "host": _texts,
    "cpus": lambda value: _count(value) and value > 0,
    "tsc_khz": lambda value: _amount(value) and value >= 1,
    "tsc_source": _text,
    "tsc_error_ppm": _or_null(_amount),
    "tsc_invariant": _bool,
    "icount": _bool,
}

MACHINE_IF_SAID = {"erms": _bool}  # records of before lack it

MEASUREMENTS = {
    "clock": {"what": _one_of("bracket", "empty loop")},
    "crossing": {"cpu": _count, "door": _one_of(*DOORS)},
    "throughput": {"cpu": _count, "door": _one_of(*DOORS)},
    "ladder": {"cpu": _count, "door": _one_of(*DOORS), "rung": _one_of(*RUNGS)},
    "ways": {"cpu": _count, "in": _one_of(*DOORS), "out": _one_of("iretq", "sysretq")},
    "scale": {"door": _one_of(*DOORS), "threads": lambda value: _count(value) and value > 0},
    # libc: where the bench chooses no door
    "call": {"name": _one_of(*CALLS, "exception"), "door": _one_of(*DOORS, "libc")},
}

_DISTRIBUTION = {
    "per": lambda value: _count(value) and value > 0,
    "n": lambda value: _count(value) and value > 0,
    **{key: _amount for key in ("min", "p50", "p90", "p99", "p999", "max", "mean", "mad")},
    "ci": _interval,
    "ticked": _or_null(_count),
    "migrated": _count,
    "overhead": _amount,
}

SAMPLES = {
    "single": _DISTRIBUTION,
    "batch": _DISTRIBUTION,
    "exact": {"per": lambda value: _count(value) and value > 0, "value": _amount},
    "rate": {"calls_per_second": _amount, "each": _amounts, "seconds": _amount},
}


def _check_keys(where: str, value: Any, keys: dict) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is not an object"]
    wrong = [f"{where} has no {key!r}" for key in keys if key not in value]
    wrong += [
        f"{where}: {key!r} cannot be {json.dumps(value[key])[:60]}"
        for key, good in keys.items()
        if key in value and not good(value[key])
    ]
    return wrong


def _check_sample(record: dict) -> list[str]:
    sample = record["sample"]
    if not isinstance(sample, dict) or not _one_of(*SAMPLES)(sample.get("kind")):
        return ["sample: no kind that is known"]
    kind = sample["kind"]
    wrong = _check_keys("sample", sample, SAMPLES[kind])
    if wrong:
        return wrong
    if (kind == "exact") != (record["unit"] == "instructions"):
        wrong.append(f"sample: {kind} in {record['unit']}")
    if kind in ("single", "batch"):
        order = [sample[key] for key in ("min", "p50", "p90", "p99", "p999", "max")]
        if order != sorted(order):
            wrong.append("sample: its quantiles do not rise")
        if not sample["ci"][0] <= sample["p50"] <= sample["ci"][1]:
            wrong.append("sample: its median lies outside of the median's interval")
    if kind == "exact" and not isinstance(sample.get("inexact", False), bool):
        wrong.append("sample: 'inexact' is not a bool")
    return wrong


def _check_histogram(record: dict) -> list[str]:
    histogram = record.get("histogram")
    if record["sample"]["kind"] != "single":
        return [] if histogram is None else ["a histogram of what are not single calls"]
    bits = histogram.get("bits") if isinstance(histogram, dict) else None
    if not _count(bits) or not 1 <= bits <= 16:
        return ["no histogram, or without its bits"]
    counts = histogram.get("counts")
    last = (65 - bits) << bits
    if not isinstance(counts, list) or not all(
        isinstance(each, list) and len(each) == 2 and all(map(_count, each)) and each[0] < last
        for each in counts
    ):
        return ["histogram: counts are not pairs of bucket and count"]
    if sum(count for _, count in counts) != record["sample"]["n"]:
        return ["histogram: its counts are not n together"]
    return []


def check(record: Any) -> list[str]:
    """What is wrong with a record; nothing if it is good."""
    if not isinstance(record, dict):
        return ["not an object"]
    if record.get("schema") != SCHEMA or isinstance(record["schema"], bool):
        return [f"schema {json.dumps(record.get('schema'))[:20]} instead of {SCHEMA}"]
    name = record.get("measurement")
    if not _one_of(*MEASUREMENTS)(name):
        return [f"no measurement that is known: {json.dumps(name)[:60]}"]
    wrong = _check_keys(name, record, MEASUREMENTS[name] | {"unit": _one_of(*UNITS)})
    machine = record.get("machine")
    said = {key: good for key, good in MACHINE_IF_SAID.items() if isinstance(machine, dict) and key in machine}
    wrong += _check_keys("machine", machine, MACHINE | said)
    if wrong:
        return wrong
    if ("absent" in record) == ("sample" in record):
        return ["neither sample nor absent, or both"]
    if "absent" in record:
        return [] if _text(record["absent"]) else ["absent without a reason"]
    return _check_sample(record) or _check_histogram(record)
