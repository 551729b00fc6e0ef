"""The page's sections about what a crossing consists of: the anatomy, and in by one door and out by
the other."""

from __future__ import annotations

from html import escape

import page_text as text
import plots
from page_figures import THE_DOOR
from page_table import (
    Canvas,
    Files,
    Table,
    door,
    exactly,
    grid,
    names,
    not_there,
    of,
    paragraph,
    section,
    time_unit,
)
from page_text import NOT_SHOWN, amount, count, ratio

# -- the anatomy -----------------------------------------------------------------------------------

ADDS = {
    "bare": "bare door",
    "swapgs": "swapgs, twice",
    "stack": "stack switch",
    "frame": "frame",
    "dispatch": "masked dispatch",
    "real": "real door, getpid",
}
UNITS = {"instructions": ("value", count), "time": ("value", amount)}


def anatomy_table(files: Files) -> Table:
    sides = [
        (file, name, key)
        for file in files
        for name in plots.DOORS
        for key in ("instructions", "time")
    ]
    unit = time_unit(files)
    columns = [
        f"{door(name)}|{'instr.' if key == 'instructions' else unit}"
        for name in plots.DOORS
        for key in ("instructions", "time")
    ]
    table = Table("What each step adds", "step", columns, names(files))
    ladders = [file["anatomy"].get(name, {}).get(key) for file, name, key in sides]
    rows = {tuple(step["adds"]) for one in ladders if one for step in one["steps"]}
    order = list(plots.RUNGS)

    def shown(key: str, value: float | None, first: bool) -> str:
        return count(value, not first) if key == "instructions" else amount(value, not first)

    for adds in sorted(rows, key=lambda adds: (order.index(adds[-1]), len(adds))):
        cells = []
        for (_, _, key), one in zip(sides, ladders):
            step = (
                next((s for s in one["steps"] if tuple(s["adds"]) == adds), None) if one else None
            )
            cell = (
                shown(key, step["value"], not step["below"] and adds[0] == "bare") if step else "–"
            )
            if step and key == "time" and not step["shown"]:
                cell += f"<br><small>{NOT_SHOWN}</small>"
            cells.append(cell)
        table.row(escape(", ".join(ADDS[rung] for rung in adds)), cells)
    if rows:  # the floor, too, has the door's own instruction
        sums = [
            sum(s["value"] for s in one["steps"]) if one and one["whole"] else None
            for one in ladders
        ]
        table.row("sum, the whole", [shown(k, s, True) for (_, _, k), s in zip(sides, sums)], "sum")
        executed = [
            s + THE_DOOR[k] if s is not None and THE_DOOR[k] else None
            for (_, _, k), s in zip(sides, sums)
        ]
        table.row("with the door’s own instruction", [count(value) for value in executed])
        table.row(
            "times the floor", [ratio(one["times_floor"] if one else None) for one in ladders]
        )
    return table


def agreement(file: dict) -> str:
    """Whether the ladder's top is what the crossing was counted at by itself."""
    parts = []
    for name, entry in file["anatomy"].items():
        whole = entry["instructions"]["whole"]
        counted = file["answer"]["doors"][name]["instructions"]
        if whole is not None and counted:
            same = whole == counted["value"]
            parts.append(
                f"{count(whole)} by {plots.DOORS[name]}"
                + (
                    ""
                    if same
                    else f" (counted by itself: {text.exactly(counted)}, which does not agree)"
                )
            )
    return f"The steps’ instructions add up to the whole: {', '.join(parts)}." if parts else ""


def anatomy(files: Files, canvas: Canvas) -> str:
    figures = []
    for file in files:
        for key in ("instructions", "time"):
            doors = {d: a[key]["steps"] for d, a in file["anatomy"].items() if a[key]["steps"]}
            if not doors:
                continue
            unit = "instructions" if key == "instructions" else file["unit"]
            same = [f for f in files if key == "instructions" or f["unit"] == unit]
            span = plots.anatomy_span(
                [a[key]["steps"] for f in same for a in f["anatomy"].values() if a[key]["steps"]]
            )
            show = count if key == "instructions" else amount
            data = Table(
                f"From the door up to each rung, in {unit}", "up to", list(map(door, doors))
            )
            for rung, label in plots.RUNGS.items():
                wholes = [
                    next((s["whole"] for s in steps if s["adds"][-1] == rung), None)
                    for steps in doors.values()
                ]
                if wholes != [None] * len(wholes):
                    data.row(label, [show(whole) for whole in wholes])
            words = "; ".join(
                f"{plots.DOORS[name]}: "
                + ", ".join(
                    f"{' and '.join(plots.RUNGS[r] for r in s['adds'])} {show(s['value'], i > 0)}"
                    for i, s in enumerate(steps)
                )
                for name, steps in doors.items()
            )
            figures.append(
                canvas.figure(
                    f"anatomy-{key}-{files.index(file) + 1}",
                    f"Anatomy in {unit}{of(file, files)}",
                    f"In {unit}{of(file, files)}",
                    f"Stacked bars, one for each rung and door. {words}.",
                    "",
                    str(data),
                    lambda size, name: plots.anatomy(doors, span, unit, size, name),
                    heights=(340, 340),
                    alone=False,
                )
            )
    absent = not_there(
        [
            (
                f"{file['name']}: " * (len(files) > 1)
                + f"{plots.RUNGS[rung]} by {plots.DOORS[name]}",
                why,
            )
            for file in files
            for name, entry in file["anatomy"].items()
            for rung, why in entry["absent"].items()
        ]
    )
    table = anatomy_table(files)
    if not table.rows:
        return section("anatomy", "Where it goes", paragraph("No steps were measured."), absent)
    notes = [
        "Ever fuller entries were installed in the door, "
        "each doing what the one before does and one thing more. "
        "A step’s cost is the difference of two rungs; "
        f"a time that is below zero, or marked “{NOT_SHOWN}”, is within the noise of two medians."
    ]
    for file in files:
        sentences = [text.floor_sentence(file, "instructions", "instructions"), agreement(file)]
        sentences.append(
            text.floor_sentence(file, "time", file["unit"]).replace(
                "The floor", "In time: the floor"
            )
        )
        told = " ".join(filter(None, sentences))
        notes.append(escape((f"{file['name']}: " if len(files) > 1 and told else "") + told))
    both = all(any(name in file["anatomy"] for file in files) for name in plots.DOORS)
    caption = "Pale is what stands below, dark is what the step adds, as the number says."
    if both:
        caption = "Above int 0x80, below syscall. " + caption
    return section(
        "anatomy",
        "Where it goes",
        *(paragraph(note) for note in notes if note),
        grid(figures),
        paragraph(caption, "small") if figures else "",
        str(table),
        absent,
    )


# -- in by one, out by the other -------------------------------------------------------------------


def ways(files: Files) -> str:
    known = [file for file in files if file["ways"]]
    title = "In by one, out by the other"
    if not known:
        return section("ways", title, paragraph("The four ways were not measured."))
    columns = []
    for out in ("iretq", "sysretq"):
        columns += [
            f"out by {out}|instr.",
            f"out by {out}|{time_unit(files)}",
        ]
    table = Table("getpid by all four ways", "in by", columns, names(files))
    reasons = []
    for into in plots.DOORS:
        cells = []
        for file in files:
            for out in ("iretq", "sysretq"):
                known_of = file["ways"].get(into, {}).get(out)
                time = known_of and known_of["time"]
                cells.append(exactly(known_of and known_of["instructions"]))
                cells.append(amount(time and time["median"]))
                if known_of and known_of["absent"]:
                    reasons.append((f"{plots.DOORS[into]} and {out}", known_of["absent"]))
        table.row(door(into), cells)
    intro = (
        "The frame behind both doors is the same, so either instruction can leave. "
        "A row’s difference is the way out, a column’s the way in."
    )
    return section("ways", title, paragraph(intro), str(table), not_there(reasons))
