"""Words and numbers of the page and of the terminal's summary: plain text, no HTML."""

from __future__ import annotations

from page_figures import THE_DOOR
from plots import DOORS

MINUS, NBSP = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
NOT_SHOWN = "no difference shown"
MITIGATIONS = {
    "smap": "SMAP (stac, clac)",
    "index_mask": "index masking",
    "swapgs_fence": "lfence after swapgs",
    "clear_regs": "registers cleared",
    "ibrs": "IBRS",
    "ibpb": "IBPB",
    "kpti": "page-table isolation",
    "pcid": "PCID, with isolation",
}


def amount(value: float | None, sign: bool = False) -> str:
    """Three digits or so; all digits before the point."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 99.95 or value == 0 else 1 if abs(value) >= 9.995 else 2
    written = f"{abs(value):,.{digits}f}"
    if float(written.replace(",", "")) == 0:
        return "0"
    return (MINUS if value < 0 else "+" if sign else "") + written


def count(value: float | None, sign: bool = False) -> str:
    """Whole if it is."""
    if value is None:
        return "–"
    written = (
        f"{abs(value):,.0f}" if value == int(value) or abs(value) >= 1000 else f"{abs(value):,.2f}"
    )
    return (MINUS if value < 0 else "+" if sign and value else "") + written


def ratio(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if value < 9.995 else f"{value:,.1f}".removesuffix(".0")


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2g}{NBSP}%" if part else f"0{NBSP}%"


def exactly(known: dict | None) -> str:
    """An exact count; marked where it did not divide evenly, with its range where boots differed."""
    if not known:
        return "–"
    if known["low"] != known["high"]:
        return f"{count(known['value'])} ({count(known['low'])} to {count(known['high'])})"
    return ("~" if known["inexact"] else "") + count(known["value"])


def with_unit(value: float, unit: str) -> str:
    if unit == "ns" and value >= 1e6:
        value, unit = value / 1e6, "ms"
    return f"{amount(value)}{NBSP}{unit}"


def instructions(value: float) -> str:
    return f"{count(value)}{NBSP}instruction{'s' * (value != 1)}"


def emulator_sentence(files: list[dict]) -> str:
    emulated = [file["name"] for file in files if file["emulated"]]
    if not emulated:
        return ""
    whose = "These" if len(emulated) == len(files) else "The times of " + " and ".join(emulated)
    return (
        f"{whose} are an emulator’s times (QEMU’s TCG), not hardware’s: "
        "the exact instruction counts are what carries over."
    )


def answer_sentence(file: dict) -> str:
    """The page in one sentence."""
    cpu = "this emulated CPU" if file["emulated"] else "this CPU"
    doors, unit = file["answer"]["doors"], file["unit"]
    times = {door: known["time"] for door, known in doors.items() if known["time"]}
    if len(times) == 2:
        gate, fast = (with_unit(times[door]["median"], unit) for door in DOORS)
        factor = file["answer"]["ratio"]
        if not file["answer"]["shown"]:
            return (
                f"On {cpu} {NOT_SHOWN} between int 0x80 and syscall: "
                f"{gate} and {fast} at the median, and their intervals overlap."
            )
        if factor is None or factor <= 0:
            return f"On {cpu} int 0x80 costs {gate} and syscall {fast} at the median."
        if factor >= 1:
            costs = f"int 0x80 costs {factor:.1f}{NBSP}×{NBSP}syscall: {gate} against {fast}"
        else:
            costs = f"syscall costs {1 / factor:.1f}{NBSP}×{NBSP}int 0x80: {fast} against {gate}"
        return f"On {cpu} {costs} at the median."
    for door, time in times.items():
        other = "syscall" if door == "int" else "int"
        why = doors[other]["absent"] or "was not measured"
        cost = with_unit(time["median"], unit)
        return f"On {cpu} {DOORS[door]} costs {cost} at the median; {DOORS[other]}: {why}."
    counts = {door: known["instructions"] for door, known in doors.items() if known["instructions"]}
    if counts:
        each = " and ".join(
            f"{exactly(n)} instructions by {DOORS[door]}" for door, n in counts.items()
        )
        return f"Counted, not timed: getpid takes {each}."
    return "No crossing was measured in this record."


def exact_sentence(file: dict) -> str:
    """In instructions; and how far from the floor. Empty where nothing was counted."""
    counts = {
        d: known["instructions"]
        for d, known in file["answer"]["doors"].items()
        if known["instructions"]
    }
    if not counts:
        return ""
    text = "In exact instructions, getpid: "
    text += ", ".join(f"{exactly(n)} by {DOORS[door]}" for door, n in counts.items())
    floors = [a["instructions"]["times_floor"] for a in file["anatomy"].values()]
    if counts.keys() == file["anatomy"].keys() and all(floors):
        times = " and ".join(map(ratio, floors))
        text += f"; with the door’s own instruction {times} × the floor, the bare door and straight back"
    return text + "."


def floor_sentence(file: dict, key: str, unit: str) -> str:
    known = {d: a[key] for d, a in file["anatomy"].items() if a[key]["times_floor"]}
    if not known:
        return ""
    if key == "time":
        lead = "The floor, the bare door and straight back: "
        floors = {door: with_unit(one["floor"], unit) for door, one in known.items()}
        wholes = dict.fromkeys(known, "getpid")
    else:
        lead = (
            "A count is of what the kernel executes, from behind the door up to the return; the door "
            "itself, one instruction, comes on top. With it the floor, the bare door and straight back: "
        )
        floors = {door: instructions(one["floor"]) for door, one in known.items()}
        wholes = {
            door: f"getpid’s {count(one['whole'] + THE_DOOR[key])}" for door, one in known.items()
        }
    parts = [
        f"{floors[door]} by {DOORS[door]}, and {wholes[door]} "
        f"{'is' if key == 'time' else 'are'} {ratio(one['times_floor'])}{NBSP}× that"
        for door, one in known.items()
    ]
    return lead + "; ".join(parts) + "."


def measured_sentence(file: dict) -> str:
    times = {d: known["time"] for d, known in file["answer"]["doors"].items() if known["time"]}
    if not times:
        return ""
    unit, cpus, boots = file["unit"], file["answer"]["cpus"], file["answer"]["boots"]
    sizes = {time["n"] for time in times.values()}
    if len(sizes) == 1:
        calls = f"{count(sizes.pop())} single calls" + (" by each door" if len(times) == 2 else "")
    else:
        calls = " and ".join(
            f"{count(t['n'])} single calls by {DOORS[d]}" for d, t in times.items()
        )
    overhead = max(time["overhead"] for time in times.values())
    intervals = ", ".join(
        f"{DOORS[d]} {amount(t['low'])} to {amount(t['high'])}{NBSP}{unit}"
        for d, t in times.items()
    )
    text = (
        f"Measured: getpid, {calls} on {count(cpus)} CPU{'s' * (cpus != 1)}"
        f"{f' in {boots} boots' * (boots > 1)}, "
        f"less the clock’s own {with_unit(overhead, unit)} a sample. "
        f"95{NBSP}% intervals of the medians: {intervals}"
    )
    if file["answer"].get("ratio_low") and file["answer"]["shown"]:
        low, high = file["answer"]["ratio_low"], file["answer"]["ratio_high"]
        text += f"; of the ratio {ratio(low)} to {ratio(high)}"
    return text + "."


def outcome(known: dict | None, key: str) -> str:
    """Of a comparison with Linux."""
    if not known:
        return ""
    what = "in time" if key == "time" else "in instructions"
    return {
        "ours": f"ahead {what}",
        "linux": f"we lose {what}",
        "equal": f"equal {what}",
        "not shown": f"{NOT_SHOWN} {what}",
    }[known["ahead"]]


def between_boots(file: dict) -> str:
    """How far apart the default's own boots are: what a difference of boots must be held against."""
    known = file["between_boots"]
    if not known:
        return "Boots differ by more than their intervals know; how much was not measured here."
    parts = [f"{100 * spread:.2g}{NBSP}% by {DOORS[door]}" for door, spread in known.items()]
    return (
        "Boots differ by more than their intervals know: two by default had medians on one CPU "
        f"that lay up to {' and '.join(parts)} apart. A difference in time is called one where there "
        "are two boots of each side or more, all their intervals lie apart, and the difference is "
        "larger than any between two boots of one side."
    )


PAGE_BYTES = 4096


def clearing_sentence(file: dict) -> str:
    """How much of a page fault's count is the clearing of the page: the kernels use different string
    instructions for it, of which the emulator counts each repetition. Empty without such counts."""
    row = next((row for row in file["peer"]["rows"] if row["name"] == "page fault"), None)
    if not row or not file["peer"]["erms"]:
        return ""
    parts = []
    for side, repetitions, how in (
        ("ours", PAGE_BYTES // 8, "ours clears a page by words (rep stosq)"),
        ("linux", PAGE_BYTES, "Linux by bytes (rep stosb), as it does on CPUs with ERMS"),
    ):
        known = row[side]["instructions"]
        if not known or known["value"] < repetitions:
            return ""
        part = f"{100 * repetitions / known['value']:.0f}{NBSP}%"
        parts.append(f"{how}: {count(repetitions)} of {count(known['value'])}, {part}")
    ours, theirs = (row[side]["instructions"]["value"] for side in ("ours", "linux"))
    rest = theirs - PAGE_BYTES, ours - PAGE_BYTES // 8
    return (
        "A string instruction counts once for each repetition. In a page fault "
        f"{'; '.join(parts)}. Without the clearing the ratio is {ratio(rest[0] / rest[1])}"
        ". Linux’s counts of mmap touch munmap and of thread create join hold several clearings each."
    )


def no_peer(file: dict) -> str:
    """Why there is nothing to lay beside; empty when there is."""
    rows = file["peer"]["rows"]
    if any(row["linux"]["time"] or row["linux"]["instructions"] for row in rows):
        return ""
    if file["machines"] and file["machines"][0]["kernel"].startswith("Linux"):
        return "This record is of Linux alone."
    if file["peer"]["reasons"]:
        return "Linux was not measured: " + "; ".join(file["peer"]["reasons"]) + "."
    return "No Linux records."


def summary(file: dict) -> list[str]:
    """The lines for the terminal."""
    lines = [answer_sentence(file), measured_sentence(file), exact_sentence(file)]
    why = no_peer(file)
    lost = [
        f"{row['name']} by {DOORS.get(row['door'], row['door'])} {outcome(row[key], key).removeprefix('we lose ')}"
        for row in file["peer"]["rows"]
        for key in ("instructions", "time")
        if row[key] and row[key]["ahead"] == "linux"
    ]
    compared = sum(
        1 for row in file["peer"]["rows"] for key in ("instructions", "time") if row[key]
    )
    if why:
        lines.append(why)
    elif lost:
        lines.append(
            f"Beside {file['peer']['kernel']} we lose {len(lost)} of {compared}: {', '.join(lost)}."
        )
    elif compared:
        lines.append(f"Beside {file['peer']['kernel']} we lose none of {compared} comparisons.")
    return [line.replace(NBSP, " ") for line in lines if line]
