"""From records to the figures behind the page: what figures.json holds, and all that the page, its
plots and the terminal's summary are drawn from. No drawing and no wording beyond names."""

from __future__ import annotations

from statistics import median

from page_estimate import Records, Unit, cell, estimate, exact, is_timed, overlap, pick
from record import DOORS, RUNGS, bucket_bounds

OUTS = ("iretq", "sysretq")
# A count leaves out the door's own instruction, which the loop with a nop in its place takes off again.
# What is executed is one more. Times leave out nothing.
THE_DOOR = {"instructions": 1, "time": 0}


# -- runs ------------------------------------------------------------------------------------------


def is_linux(record: dict) -> bool:
    return record["machine"]["kernel"].startswith("Linux")


def config(record: dict) -> tuple:
    """What tells the boots of one kernel apart."""
    machine = record["machine"]
    return machine["entry"], tuple(sorted((machine["mitigations"] or {}).items()))


def by_config(records: Records) -> dict[tuple, Records]:
    """The default command line's first: everything was measured there, elsewhere only crossings."""
    groups: dict[tuple, Records] = {}
    for record in records:
        groups.setdefault(config(record), []).append(record)

    def breadth(group: Records) -> tuple[int, int]:
        return len({record["measurement"] for record in group}), len(group)

    return dict(sorted(groups.items(), key=lambda item: breadth(item[1]), reverse=True))


def emulated(records: Records) -> bool:
    """Whether the times are an emulator's. Under KVM only the counted boots are, and those have no
    times."""
    timed = [record for record in records if not record["machine"]["icount"]]
    return any(
        record["machine"]["icount"]
        or "tcg" in (record["machine"]["hypervisor"] or "").lower()
        or record["machine"]["host"].get("accel") == "tcg"
        for record in timed or records
    )


# -- the sections ----------------------------------------------------------------------------------


def answer(base: Records, unit: Unit) -> dict:
    doors = {}
    for door in DOORS:
        doors[door] = cell(pick(base, "crossing", door=door), unit)
        for other in (
            pick(base, "call", door=door, name="getpid"),
            pick(base, "ladder", door=door, rung="real"),
        ):
            doors[door]["instructions"] = doors[door]["instructions"] or exact(other)
        doors[door]["batch"] = estimate(pick(base, "throughput", door=door), unit)
    result = {
        "doors": doors,
        "cpus": len({record["cpu"] for record in pick(base, "crossing") if is_timed(record)}),
        "boots": max(len(boot_medians(base, door, unit)) for door in DOORS),
        "ratio": None,
        "shown": None,
    }
    gate, fast = doors["int"]["time"], doors["syscall"]["time"]
    if gate and fast:
        result["shown"] = not overlap(gate, fast)
        if fast["median"] > 0:
            result["ratio"] = gate["median"] / fast["median"]
        if fast["low"] > 0 and gate["low"] > 0:
            result["ratio_low"] = gate["low"] / fast["high"]
            result["ratio_high"] = gate["high"] / fast["low"]
    return result


def distribution(base: Records, unit: Unit) -> dict:
    """Of each door: how many single calls fell between low and high, all CPUs together."""
    result: dict = {}
    for door in DOORS:
        counts: dict[tuple[float, float], int] = {}
        for record in pick(base, "crossing", door=door):
            for index, count in record.get("histogram", {}).get("counts", []):
                low, high = bucket_bounds(index, record["histogram"]["bits"])
                place = unit.of(record, low), unit.of(record, high + 1)
                counts[place] = counts.get(place, 0) + count
        if counts:
            result[door] = [[low, high, counts[low, high]] for low, high in sorted(counts)]
    return result


def per_cpu(base: Records, unit: Unit) -> list[dict]:
    crossings = pick(base, "crossing")
    rows = []
    for cpu in sorted({record["cpu"] for record in crossings}):
        row = {
            door: estimate(pick(crossings, "crossing", cpu=cpu, door=door), unit) for door in DOORS
        }
        if any(row.values()):
            rows.append({"cpu": cpu, **row})
    return rows


def steps(rungs: list[tuple[str, dict]]) -> list[dict]:
    """Each present rung less the one before it; a rung that is missing is part of the next step."""
    result: list[dict] = []
    below = None
    adds: list[str] = []
    for name, whole in rungs:
        adds.append(name)
        if whole is None:
            continue
        point = whole.get("median", whole.get("value"))
        step = {"adds": adds, "below": 0.0, "value": point, "whole": point, "shown": True}
        if below:
            step["below"] = result[-1]["whole"]
            step["value"] = point - step["below"]
            step["low"] = whole["low"] - below["high"]
            step["high"] = whole["high"] - below["low"]
            step["shown"] = not overlap(whole, below)
        result.append(step)
        below, adds = whole, []
    return result


def anatomy(base: Records, unit: Unit) -> dict:
    result: dict = {}
    for door in DOORS:
        rungs = [(rung, cell(pick(base, "ladder", door=door, rung=rung), unit)) for rung in RUNGS]
        entry: dict = {"absent": {rung: c["absent"] for rung, c in rungs if c["absent"]}}
        for name in ("instructions", "time"):
            ladder = steps([(rung, known[name]) for rung, known in rungs])
            entry[name] = {"steps": ladder, "floor": None, "whole": None, "times_floor": None}
            if ladder and ladder[0]["adds"] == ["bare"]:
                entry[name]["floor"] = ladder[0]["whole"] + THE_DOOR[name]
            if ladder and ladder[-1]["adds"][-1] == "real":
                entry[name]["whole"] = ladder[-1]["whole"]
                floor, executed = entry[name]["floor"], entry[name]["whole"] + THE_DOOR[name]
                if floor and floor > 0:
                    entry[name]["times_floor"] = executed / floor
        if entry["absent"] or entry["instructions"]["steps"] or entry["time"]["steps"]:
            result[door] = entry
    return result


def ways(base: Records, unit: Unit) -> dict:
    if not pick(base, "ways"):
        return {}
    return {
        door: {out: cell(pick(base, "ways", into=door, out=out), unit) for out in OUTS}
        for door in DOORS
    }


def boot_medians(records: Records, door: str, unit: Unit) -> list[float]:
    """Of each boot the median of its CPUs' medians. A boot has one record for each CPU."""
    boots: list[list[float]] = []
    seen: dict[int, int] = {}
    for record in pick(records, "crossing", door=door):
        if is_timed(record):
            place = seen[record["cpu"]] = seen.get(record["cpu"], -1) + 1
            boots += [[]] * (place == len(boots))
            boots[place] = [*boots[place], unit.of(record, record["sample"]["p50"])]
    return [median(values) for values in boots]


def compared(on: Records, off: Records, unit: Unit) -> dict:
    """What it costs to have something on, by door. A difference in time is shown by two boots of each
    side at least, whose intervals all lie apart, and by more than two boots of one side do."""
    doors = {}
    for door in DOORS:
        both = [cell(pick(records, "crossing", door=door), unit) for records in (on, off)]
        for side, records in zip(both, (on, off)):
            side["instructions"] = side["instructions"] or exact(
                pick(records, "call", door=door, name="getpid")
            )
        row: dict = {"time": None, "instructions": None}
        times = [side["time"] for side in both]
        counts = [side["instructions"] for side in both]
        if all(times):
            medians = [boot_medians(records, door, unit) for records in (on, off)]
            difference = times[0]["median"] - times[1]["median"]
            spread = max(max(boots) - min(boots) for boots in medians)
            boots = min(map(len, medians))
            row["time"] = {
                "on": times[0]["median"],
                "off": times[1]["median"],
                "difference": difference,
                "boots": boots,
                "spread": spread,
                "shown": boots > 1 and not overlap(*times) and abs(difference) > spread,
            }
        if all(counts):
            row["instructions"] = {
                "on": counts[0]["value"],
                "off": counts[1]["value"],
                "difference": counts[0]["value"] - counts[1]["value"],
            }
        if row["time"] or row["instructions"]:
            doors[door] = row
    return doors


def mitigations(groups: dict[tuple, Records], unit: Unit) -> list[dict]:
    """A row each. On and off come from two boots that differ in that one alone, one of them the
    default if there is such a pair; a boot that differs in several from the default has its row too.
    """
    if not groups:
        return []
    configs = [(entry, dict(items)) for entry, items in groups]
    sides = list(groups.values())
    default = configs[0][1]
    listed = [group[0]["machine"]["mitigations"] or {} for group in sides]  # in the kernel's order
    names = list(dict.fromkeys(name for states in listed for name in states))
    differ: dict[tuple[str, ...], tuple[int, int]] = {}
    for one in range(len(configs)):
        for other in range(one + 1, len(configs)):
            (entry, first), (same_entry, second) = configs[one], configs[other]
            changed = tuple(name for name in names if first.get(name) != second.get(name))
            if entry == same_entry and changed and (len(changed) == 1 or one == 0):
                differ.setdefault(changed, (one, other))
    rows = []
    for name in names:
        row = {"name": name, "default": default.get(name, "absent"), "doors": {}}
        if (name,) in differ:
            one, other = differ.pop((name,))
            on, off = (one, other) if configs[one][1].get(name) == "on" else (other, one)
            if configs[on][1].get(name) == "on":
                row["doors"] = compared(sides[on], sides[off], unit)
        rows.append(row)
    for changed, (_, other) in differ.items():
        if len(changed) > 1:  # such as PCID, which page-table isolation brings along
            name = ", ".join(f"{each} {configs[other][1].get(each)}" for each in changed)
            doors = compared(sides[other], sides[0], unit)
            rows.append({"name": name, "default": "", "doors": doors})
    return rows


def between_boots(base: Records, unit: Unit) -> dict:
    """By door: how far apart the medians of two boots by default lie on one CPU, at most, as a part
    of the lesser one. Mitigations are differences of boots, and no boot's interval knows this."""
    spreads: dict = {}
    for door in DOORS:
        crossings = [record for record in pick(base, "crossing", door=door) if is_timed(record)]
        for cpu in {record["cpu"] for record in crossings}:
            boots = pick(crossings, "crossing", cpu=cpu)
            medians = [unit.of(record, record["sample"]["p50"]) for record in boots]
            if len(medians) > 1 and min(medians) > 0:
                apart = max(medians) / min(medians) - 1
                spreads[door] = max(apart, spreads.get(door, 0.0))
    return spreads


def scale(base: Records) -> dict:
    result: dict = {}
    for door in DOORS:
        rows = []
        records = pick(base, "scale", door=door)
        for threads in sorted({record["threads"] for record in records}):
            these = [record for record in records if record["threads"] == threads]
            rates = [r["sample"] for r in these if r.get("sample", {}).get("kind") == "rate"]
            rates.sort(key=lambda sample: sample["calls_per_second"])
            middle = rates[len(rates) // 2] if rates else None
            rows.append(
                {
                    "threads": threads,
                    "rate": middle and middle["calls_per_second"],
                    "slowest": middle and min(middle["each"]),
                    "fastest": middle and max(middle["each"]),
                    "instructions": exact(these),
                }
            )
        rows = [row for row in rows if row["rate"] is not None or row["instructions"]]
        if rows:
            result[door] = rows
    return result


def peer(base: Records, linux: Records, unit: Unit) -> dict:
    """Ratios are Linux's figure by ours: above 1, ours is the smaller."""
    rows = []
    every = pick(linux, "call") + pick(base, "call")
    for name, door in dict.fromkeys((record["name"], record["door"]) for record in every):
        ours = cell(pick(base, "call", name=name, door=door), unit)
        theirs = cell(pick(linux, "call", name=name, door=door), unit)
        row: dict = {"name": name, "door": door, "ours": ours, "linux": theirs}
        for key, point in (("time", "median"), ("instructions", "value")):
            row[key] = None
            if ours[key] and theirs[key] and ours[key][point] > 0:
                ratio = theirs[key][point] / ours[key][point]
                ahead = "ours" if ratio > 1 else "linux"
                if overlap(ours[key], theirs[key]):
                    spans = [known["high"] - known["low"] for known in (ours[key], theirs[key])]
                    ahead = "not shown" if any(spans) or key == "time" else "equal"
                row[key] = {"ratio": ratio, "ahead": ahead}
        rows.append(row)
    reasons = list(dict.fromkeys(record["absent"] for record in linux if "absent" in record))
    return {
        "kernel": linux[0]["machine"]["kernel"] if linux else None,
        "rows": rows,
        "reasons": reasons,
        "erms": next(
            (r["machine"].get("erms") for r in linux if r["machine"]["icount"] and "sample" in r), None
        ),
        "rounds": max(
            (row["linux"]["time"]["records"] for row in rows if row["linux"]["time"]), default=0
        ),
    }


def clock(base: Records, unit: Unit) -> list[dict]:
    whats = ("bracket", "empty loop")
    rows = [{"what": what, **cell(pick(base, "clock", what=what), unit)} for what in whats]
    return [row for row in rows if row["time"] or row["instructions"] or row["absent"]]


def runs(records: Records, default: dict) -> list[dict]:
    """The boots that the records come from, as far as their machines tell them apart."""
    found: dict[tuple, dict] = {}
    for record in records:
        machine = record["machine"]
        key = (machine["kernel"], machine["icount"], machine["cpus"], *config(record))
        states = machine["mitigations"] or {}
        run = found.setdefault(
            key,
            {
                "kernel": machine["kernel"],
                "icount": machine["icount"],
                "cpus": machine["cpus"],
                "changed": {k: v for k, v in states.items() if default.get(k) != v},
                "records": 0,
            },
        )
        run["records"] += 1
    return list(found.values())


def machines(base: Records, linux: Records) -> list[dict]:
    """Ours and Linux's, each as a timed boot had it, if there was one."""
    result = []
    for records in (base, linux):
        timed = [record for record in records if not record["machine"]["icount"]] or records
        result += [record["machine"] for record in timed[:1]]
    return result


def figures(name: str, records: Records, problems: list[str]) -> dict:
    """All that the page says of one file. A file of Linux's records alone is about Linux."""
    ours = [record for record in records if not is_linux(record)]
    linux = [record for record in records if is_linux(record)] if ours else []
    groups = by_config(ours or records)
    base = next(iter(groups.values()), [])
    unit = Unit(records)
    default = dict(next(iter(groups), (None, ()))[1])
    return {
        "name": name,
        "unit": unit.name,
        "emulated": emulated(base),
        "answer": answer(base, unit),
        "clock": clock(base, unit),
        "distribution": distribution(base, unit),
        "per_cpu": per_cpu(base, unit),
        "anatomy": anatomy(base, unit),
        "ways": ways(base, unit),
        "mitigations": mitigations(groups, unit),
        "between_boots": between_boots(base, unit),
        "scale": scale(base),
        "peer": peer(base, linux, unit),
        "runs": runs(records, default),
        "machines": machines(base, linux),
        "left_out": problems,
    }
