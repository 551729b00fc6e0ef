"""From many records of one thing (a CPU each, or a round each) to one estimate: its point is the
median of their medians, its interval reaches from the lowest bound of any of them to the highest. That
is wider than pooling the samples would make it: CPUs and boots differ by more than chance within one.
"""

from __future__ import annotations

from statistics import median

Records = list[dict]
TIMED = ("single", "batch")


def pick(records: Records, measurement: str, **wanted) -> Records:
    wanted["in"] = wanted.pop("into", None)  # a word of Python's
    return [
        record
        for record in records
        if record["measurement"] == measurement
        and all(record.get(key) == value for key, value in wanted.items() if value is not None)
    ]


class Unit:
    """Time, in nanoseconds if every boot knew its TSC's rate, else in ticks. Rates are per boot."""

    def __init__(self, records: Records):
        known = all(record["machine"]["tsc_khz"] for record in records if is_timed(record))
        self.name = "ns" if known else "ticks"

    def of(self, record: dict, ticks: float) -> float:
        return ticks * 1e6 / record["machine"]["tsc_khz"] if self.name == "ns" else float(ticks)


def is_timed(record: dict) -> bool:
    return record.get("sample", {}).get("kind") in TIMED


def estimate(records: Records, unit: Unit) -> dict | None:
    timed = [record for record in records if is_timed(record)]
    if not timed:
        return None

    def values(name: str) -> list[float]:
        return [unit.of(record, record["sample"][name]) for record in timed]

    samples = [record["sample"] for record in timed]
    ticked = [sample["ticked"] for sample in samples]
    return {
        "median": median(values("p50")),
        "low": min(unit.of(record, record["sample"]["ci"][0]) for record in timed),
        "high": max(unit.of(record, record["sample"]["ci"][1]) for record in timed),
        "min": min(values("min")),
        "p90": median(values("p90")),
        "p99": median(values("p99")),
        "p999": median(values("p999")),
        "max": max(values("max")),
        "mean": sum(m * s["n"] for m, s in zip(values("mean"), samples))
        / sum(sample["n"] for sample in samples),
        "mad": median(values("mad")),
        "overhead": median(values("overhead")),
        "n": sum(sample["n"] for sample in samples),
        "per": max(sample["per"] for sample in samples),
        "ticked": None if None in ticked else sum(ticked),
        "migrated": sum(sample["migrated"] for sample in samples),
        "records": len(timed),
    }


def exact(records: Records) -> dict | None:
    counted = [r["sample"] for r in records if r.get("sample", {}).get("kind") == "exact"]
    if not counted:
        return None
    values = [sample["value"] for sample in counted]
    return {
        "value": median(values),
        "low": min(values),
        "high": max(values),
        "inexact": len(set(values)) > 1 or any(sample.get("inexact") for sample in counted),
    }


def cell(records: Records, unit: Unit) -> dict:
    """What is known of one thing, and why something is not; all None: nothing was recorded of it."""
    reasons = [record["absent"] for record in records if "absent" in record]
    time, instructions = estimate(records, unit), exact(records)
    lacking = time is None or instructions is None
    return {
        "time": time,
        "instructions": instructions,
        "absent": reasons[0] if reasons and lacking else None,
    }


def overlap(one: dict, other: dict) -> bool:
    return one["low"] <= other["high"] and other["low"] <= one["high"]
