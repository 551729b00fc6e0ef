"""The page's sections that lay boots beside one another: what a mitigation adds, all CPUs at once,
Linux."""

from __future__ import annotations

from html import escape

import page_text as text
import plots
from page_table import Canvas, Files, Table, door, exactly, grid, names, of, paragraph, section, time_unit
from page_text import MITIGATIONS, NOT_SHOWN, amount, count, ratio

# -- mitigations -----------------------------------------------------------------------------------


def mitigations(files: Files) -> str:
    title = "What a mitigation adds"
    rows = list(dict.fromkeys(row["name"] for file in files for row in file["mitigations"]))
    if not rows:
        return section(
            "mitigations",
            title,
            paragraph("This record does not say which mitigations were in force."),
        )
    unit = time_unit(files)
    columns = [
        f"{group}|{side}" for group in ("instructions", unit) for side in ("off", "on", "adds")
    ]
    table = Table("getpid without and with it", "mitigation", [*columns, ""], names(files))
    for name in rows:
        each = [
            next((row for row in file["mitigations"] if row["name"] == name), None)
            for file in files
        ]
        doors = [d for d in plots.DOORS if any(row and d in row["doors"] for row in each)]
        for which in doors or [""]:
            cells = []
            for row in each:
                cells += mitigation_cells(row, which, which == (doors or [""])[0])
            head = escape(MITIGATIONS.get(name, name)) + (f", {door(which)}" if which else "")
            table.row(head, cells)
    note = (
        "Each is switched on the kernel’s command line, in boots of its own; "
        "everything else is as by default. “Adds” is what having it on costs."
    )
    boots = [
        paragraph(
            escape(f"{file['name']}: " * (len(files) > 1) + text.between_boots(file)), "small"
        )
        for file in files
        if any(row["doors"] for row in file["mitigations"])
    ]
    return section("mitigations", title, paragraph(note), str(table), *boots)


def mitigation_cells(row: dict | None, which: str, first: bool) -> list[str]:
    if row is None:
        return ['<td class="word" colspan="7">not recorded</td>']
    known = row["doors"].get(which)
    if known is None:
        words = {"absent": "not on this CPU", "": "was not measured"}
        plain = f"{row['default']} by default; was not measured the other way"
        return [f'<td class="word" colspan="7">{escape(words.get(row["default"], plain))}</td>']
    cells = []
    for key, show in (("instructions", count), ("time", amount)):
        one = known[key]
        cells += (
            [show(one["off"]), show(one["on"]), show(one["difference"], True)] if one else ["–"] * 3
        )
    notes = [f"{row['default']} by default"] if row["default"] and first else []
    if known["time"] and known["time"]["boots"] < 2:
        notes.append("one boot of a side shows no difference in time")
    elif known["time"] and not known["time"]["shown"]:
        notes.append(f"{NOT_SHOWN} in time")
    return [*cells, f'<td class="word">{escape("; ".join(notes))}</td>']


# -- scale -----------------------------------------------------------------------------------------


def rate(value: float | None) -> str:
    return "–" if value is None else f"{amount(value / 1e6)}"


def scale(files: Files, canvas: Canvas) -> str:
    figures, notes = [], []
    for file in files:
        doors = {d: rows for d, rows in file["scale"].items() if any(row["rate"] for row in rows)}
        rows = sorted({row["threads"] for every in file["scale"].values() for row in every})
        head = ["all", "× one", "each", "instr."]
        columns = [f"{door(name)}|{column}" for name in file["scale"] for column in head]
        caption = (
            "Million calls a second: of all threads, as a multiple of one thread’s, "
            "of the slowest and fastest; instructions a call"
        )
        data = Table(caption, "threads", columns)
        for threads in rows:
            cells = []
            for every in file["scale"].values():
                row = next((r for r in every if r["threads"] == threads), None)
                one = next((r["rate"] for r in every if r["threads"] == 1), None)
                cells.append(rate(row and row["rate"]))
                cells.append(ratio(row["rate"] / one if row and row["rate"] and one else None))
                spread = row and row["slowest"] is not None
                cells.append(f"{rate(row['slowest'])} to {rate(row['fastest'])}" if spread else "–")
                cells.append(exactly(row and row["instructions"]))
            data.row(str(threads), cells)
        notes.append(steady(file, files))
        notes.append(crowded(file, files))
        if not doors:
            figures.append(str(data))
            continue
        words = "; ".join(
            f"{plots.DOORS[name]} "
            + ", ".join(
                f"{rate(row['rate'])} million with {row['threads']}" for row in every if row["rate"]
            )
            for name, every in doors.items()
        )
        figures.append(
            canvas.figure(
                f"scale-{files.index(file) + 1}",
                f"Calls a second by number of threads{of(file, files)}",
                file["name"],
                f"A line for each door beside the ideal one. {words}.",
                "Dotted is the ideal, as many times one thread. Upright lines: "
                "all threads as slow as the slowest, as fast as the fastest.",
                str(data),
                lambda size, name: plots.scale(doors, size, name),
                alone=len(files) == 1,
                opened=True,
            )
        )
    told = [paragraph(escape(note)) for note in notes if note]
    body = grid(figures) or paragraph("Many CPUs at once were not measured.")
    return section("scale", "All CPUs at once", *told, body)


def crowded(file: dict, files: Files) -> str:
    """That a virtual machine has more CPUs than it was given processors: then they take turns."""
    for one in file["machines"]:
        given = one["host"].get("processors", "")
        if given.isdecimal() and int(given) < one["cpus"]:
            lead = f"{file['name']}: the" if len(files) > 1 else "The"
            return (
                f"{lead} host gave these {one['cpus']} virtual CPUs {given} processors of its own: "
                "more threads than that take turns, and the total cannot grow."
            )
    return ""


def steady(file: dict, files: Files) -> str:
    """Whether instructions a call depend on the number of CPUs."""
    parts = []
    for name, rows in file["scale"].items():
        counts = {
            row["threads"]: row["instructions"]["value"] for row in rows if row["instructions"]
        }
        if len(counts) > 1:
            if len(set(counts.values())) == 1:
                parts.append(
                    f"{count(next(iter(counts.values())))} by {plots.DOORS[name]}, on any number of CPUs"
                )
            else:
                each = ", ".join(
                    f"{count(value)} with {threads}" for threads, value in counts.items()
                )
                parts.append(f"by {plots.DOORS[name]} they depend on the number of CPUs: {each}")
    lead = f"{file['name']}: instructions a call: " if len(files) > 1 else "Instructions a call: "
    return lead + "; ".join(parts) + "." if parts else ""


# -- Linux beside it -------------------------------------------------------------------------------


def peer(files: Files) -> str:
    unit = time_unit(files)
    columns = [
        f"{group}|{side}" for group in ("instructions", unit) for side in ("ours", "Linux", "ratio")
    ]
    alone = all(text.no_peer(file) for file in files)
    table = Table(
        "Ours and Linux; the ratio is Linux by ours", "call", [*columns, ""], names(files)
    )
    if alone:
        table = Table("What calls cost here", "call", ["instructions", unit, ""], names(files))
    found = [{(row["name"], row["door"]): row for row in file["peer"]["rows"]} for file in files]
    notes = []
    for file in files:
        lead = f"{file['name']}: " if len(files) > 1 else ""
        if why := text.no_peer(file):
            notes.append(lead + why)
        else:
            rounds = file["peer"]["rounds"]
            turns = f", {rounds} boots of each by turns" if rounds > 1 else ""
            notes.append(
                f"{lead}{file['peer']['kernel']}: the same binary, the same machine, one run{turns}."
            )
    for key in dict.fromkeys(key for rows in found for key in rows):
        cells, lost = [], False
        for rows in found:
            row = rows.get(key)
            if row is None:
                cells += ["–"] * (2 if alone else 6) + ['<td class="word">not recorded</td>']
                continue
            for side in ("instructions", "time"):
                for kernel in ("ours",) if alone else ("ours", "linux"):
                    known = row[kernel][side]
                    cells.append(
                        exactly(known)
                        if side == "instructions"
                        else amount(known and known["median"])
                    )
                cells += [] if alone else [ratio(row[side] and row[side]["ratio"])]
            cells.append(f'<td class="word">{escape(verdict(row))}</td>')
            lost |= any(
                row[side] and row[side]["ahead"] == "linux" for side in ("instructions", "time")
            )
        head = f"{escape(key[0])}, {door(key[1])}" + ("<br><small>we lose</small>" if lost else "")
        table.row(head, cells, "lost" if lost else "")
    fine = [
        paragraph(escape((f"{file['name']}: " if len(files) > 1 else "") + sentence), "small")
        for file in files
        if (sentence := text.clearing_sentence(file))
    ]
    return section(
        "linux", "Linux beside it", *(paragraph(escape(note)) for note in notes), str(table), *fine
    )


def verdict(row: dict) -> str:
    words = [text.outcome(row[key], key) for key in ("instructions", "time")]
    if row["instructions"] and row["time"] and row["instructions"]["ahead"] == row["time"]["ahead"]:
        words = [{"ours": "ahead", "linux": "we lose"}.get(row["time"]["ahead"], words[1])]
    for kernel, name in (("ours", "ours"), ("linux", "Linux")):
        if row[kernel]["absent"]:
            words.append(f"{name}: {row[kernel]['absent']}")
    return "; ".join(filter(None, words))
