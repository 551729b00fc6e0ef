"""The page's sections, each from the figures of all files: one file reads as an article, several lie
side by side, plots in a grid and tables with a group of columns a file."""

from __future__ import annotations

from html import escape

import page_text as text
import plots
from page_table import Canvas, Table, door, grid, paragraph, section
from page_text import MITIGATIONS, NBSP, NOT_SHOWN, amount, count, ratio, share, with_unit

Files = list[dict]
RUNGS = plots.RUNGS


def names(files: Files) -> list[str]:
    return [file["name"] for file in files]


def of(file: dict, files: Files) -> str:
    """Whose plot it is, where there are several."""
    return f": {file['name']}" if len(files) > 1 else ""


def where(file: dict) -> str:
    machine = file["machines"][0]
    parts = [machine["kernel"], machine["git"] and f"git {machine['git']}", machine["cpu"]]
    parts.append(f"under {machine['hypervisor']}" if machine["hypervisor"] else "bare metal")
    return escape(", ".join(part for part in parts if part))


def by_unit(files: Files) -> str:
    return " and ".join(dict.fromkeys(file["unit"] for file in files))


def exactly(known: dict | None) -> str:
    """An exact count in a cell; the range of boots that did not agree below it."""
    words = text.exactly(known)
    value, _, span = words.partition(" (")
    return f'{value}<br><small class="range">{span.removesuffix(")")}</small>' if span else words


def not_there(reasons: list[tuple[str, str]]) -> str:
    """What is absent, by reason."""
    whats: dict[str, list[str]] = {}
    for what, why in dict.fromkeys(reasons):
        whats.setdefault(why, []).append(what)
    told = [f"{', '.join(listed) if len(listed) < 6 else f'{len(listed)} of them'} ({why})" for why, listed in whats.items()]
    return paragraph(escape(f"Not there: {'; '.join(told)}."), "small") if told else ""


# -- the answer ------------------------------------------------------------------------------------


def answer(files: Files) -> str:
    articles = []
    for file in files:
        parts = []
        if len(files) > 1:
            parts.append(f'<h2 class="file">{escape(file["name"])}</h2>')
            parts += [paragraph(where(file), "where")] if file["machines"] else []
        parts.append(paragraph(escape(text.answer_sentence(file)), "answer"))
        sentences = [text.measured_sentence(file), text.exact_sentence(file)]
        parts += [paragraph(escape(sentence)) for sentence in sentences if sentence]
        if file["left_out"]:
            n = len(file["left_out"])
            words = f"{n} line{'s' * (n != 1)} of this record could not be used"
            parts.append(paragraph(f'{words}: <a href="#left-out">what was left out</a>.', "small"))
        articles.append(f"<div>{''.join(parts)}</div>")
    kind = ' class="pair several"' if len(files) > 1 else ""
    return f'<section id="answer" aria-label="The answer"{kind}>{"".join(articles)}</section>\n'


# -- the distribution ------------------------------------------------------------------------------

ROWS = [
    ("minimum", "min"),
    ("median", "median"),
    ("p90", "p90"),
    ("p99", "p99"),
    ("p99.9", "p999"),
    ("maximum", "max"),
    ("mean", "mean"),
    ("MAD", "mad"),
]


def quantiles(files: Files) -> Table:
    columns = [door(name) for name in plots.DOORS]
    table = Table(f"Single calls of getpid, in {by_unit(files)}", "", columns, names(files))
    sides = [file["answer"]["doors"][name]["time"] for file in files for name in plots.DOORS]
    batches = [file["answer"]["doors"][name]["batch"] for file in files for name in plots.DOORS]
    if not any(sides) and not any(batches):
        return table

    def row(head: str, cell, known=sides) -> None:
        table.row(head, [cell(one) if one else "–" for one in known])

    for head, key in ROWS:
        row(head, lambda one: amount(one[key]))
        if key == "median":
            row(f"its 95{NBSP}% interval", lambda one: f"{amount(one['low'])} to {amount(one['high'])}")
    row("samples", lambda one: count(one["n"]))
    row("hit by an interrupt",
        lambda one: "cannot be told" if one["ticked"] is None else count(one["ticked"]))  # fmt: skip
    row("migrated", lambda one: count(one["migrated"]))
    row("overhead subtracted", lambda one: amount(one["overhead"]))
    if any(batches):
        row("in batches, median a call", lambda one: amount(one["median"]), batches)
        row("calls in a batch", lambda one: count(one["per"]), batches)
    return table


def ticked(file: dict) -> str:
    """What interrupts did to the samples, in a sentence."""
    parts = []
    for name, known in file["answer"]["doors"].items():
        time = known["time"]
        if time and time["ticked"] is not None:
            parts.append(
                f"{count(time['ticked'])} of {count(time['n'])} ({share(time['ticked'], time['n'])}) by {plots.DOORS[name]}"
            )
    if not parts:
        return "This kernel cannot say which samples an interrupt hit. None is left out."
    return f"Samples hit by a timer tick or another interrupt: {', '.join(parts)}. They are in all figures."


def distribution(files: Files, canvas: Canvas) -> str:
    known = [file for file in files if file["distribution"]]
    table = quantiles(files)
    if not known and not table.rows:
        return section("distribution", "How long single calls take", paragraph("No single calls were recorded."))
    shared = {file["unit"] for file in known} == {"ns"}
    figures = []
    for file in known:
        shape, unit = file["distribution"], file["unit"]
        span = plots.bulk([f["distribution"] for f in known] if shared else [shape])
        medians = {d: k["time"]["median"] for d, k in file["answer"]["doors"].items() if k["time"]}
        data = Table(f"Share of the calls, {unit} a call", "from", ["to", *map(door, shape)])
        bins = {name: {(a, b): s for a, b, s in plots.density(counts)} for name, counts in shape.items()}
        for low, high in sorted(set().union(*bins.values())):
            shares = [bins[name].get((low, high), 0.0) for name in shape]
            if any(shares) and low < span[1]:
                data.row(amount(low), [amount(high), *(f"{100 * s:.2f}{NBSP}%" for s in shares)])
        off = []
        for name, counts in shape.items():
            if n := plots.beyond(counts, span[1]):
                off.append(f"{count(n)} by {door(name)}, up to {with_unit(counts[-1][1], unit)}")
        caption = "Share of calls in bins 2.9 % wide; upright lines are the medians. "
        caption += f"Beyond the right edge: {'; '.join(off)}." if off else ""
        words = "; ".join(
            f"{plots.DOORS[name]}: median {with_unit(medians[name], unit)}, 99 % below "
            f"{with_unit(file['answer']['doors'][name]['time']['p99'], unit)}"
            for name in shape
            if name in medians
        )
        figures.append(
            canvas.figure(
                f"distribution-{files.index(file) + 1}",
                f"Distribution of single calls by door{of(file, files)}",
                file["name"],
                f"Histogram with a logarithmic axis of time. {words}.",
                caption,
                str(data),
                lambda size, name: plots.distribution(shape, medians, span, unit, size, name),
                alone=len(files) == 1,
                long=True,
            )
        )
    told = [escape((f"{file['name']}: " if len(files) > 1 else "") + ticked(file)) for file in known]
    note = "Each quantile is the median of the CPUs’ own; minimum and maximum are over all CPUs. "
    note += "The interval reaches from the lowest bound of any CPU to the highest. Nothing is trimmed."
    notes = [paragraph(line, "small") for line in (*told, note)]
    return section("distribution", "How long single calls take", grid(figures), str(table), *notes)


# -- CPU by CPU ------------------------------------------------------------------------------------


def per_cpu(files: Files, canvas: Canvas) -> str:
    known = [file for file in files if file["per_cpu"]]
    shared = {file["unit"] for file in known} == {"ns"}
    figures = []
    for file in known:
        rows, unit = file["per_cpu"], file["unit"]
        span = plots.cpu_span([row for f in (known if shared else [file]) for row in f["per_cpu"]])
        keys = [("min", "min"), ("median", "median"), ("p99", "p99")]
        columns = [f"{door(name)}, {unit}|{head}" for name in plots.DOORS for head, _ in keys]
        data = Table(f"Single calls by CPU, in {unit}", "CPU", [*columns, "int 0x80 / syscall"])
        for row in rows:
            cells = [amount(row[name] and row[name][key]) for name in plots.DOORS for _, key in keys]
            gate, fast = row["int"], row["syscall"]
            both = gate and fast and fast["median"] > 0
            data.row(str(row["cpu"]), [*cells, ratio(gate["median"] / fast["median"] if both else None)])
        spreads = []
        for name in plots.DOORS:
            medians = [row[name]["median"] for row in rows if row[name]]
            if medians:
                spreads.append(f"{plots.DOORS[name]} from {amount(min(medians))} to {with_unit(max(medians), unit)}")
        figures.append(
            canvas.figure(
                f"cpus-{files.index(file) + 1}",
                f"Median and spread by CPU{of(file, files)}",
                file["name"],
                f"For each of {len(rows)} CPUs and each door a mark at the median and a line. "
                f"Medians: {'; '.join(spreads)}.",
                "Marks are medians, lines reach from the minimum to the 99th percentile. "
                f"Medians: {escape('; '.join(spreads))}.",
                str(data),
                lambda size, name: plots.per_cpu(rows, span, unit, size, name),
                heights=(260, 270),
                alone=len(files) == 1,
            )
        )
    return section("cpus", "CPU by CPU", grid(figures) or paragraph("No CPU’s calls were recorded."))


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
    sides = [(file, name, key) for file in files for name in plots.DOORS for key in ("instructions", "time")]
    columns = [
        f"{door(name)}|{'instr.' if key == 'instructions' else files[0]['unit'] if len(files) == 1 else 'time'}"
        for name in plots.DOORS
        for key in ("instructions", "time")
    ]
    table = Table("What each step adds", "step", columns, names(files))
    ladders = [file["anatomy"].get(name, {}).get(key) for file, name, key in sides]
    rows = {tuple(step["adds"]) for one in ladders if one for step in one["steps"]}
    order = list(RUNGS)

    def shown(key: str, value: float | None, first: bool) -> str:
        return count(value, not first) if key == "instructions" else amount(value, not first)

    for adds in sorted(rows, key=lambda adds: (order.index(adds[-1]), len(adds))):
        cells = []
        for (_, _, key), one in zip(sides, ladders):
            step = next((s for s in one["steps"] if tuple(s["adds"]) == adds), None) if one else None
            cell = shown(key, step["value"], not step["below"] and adds[0] == "bare") if step else "–"
            if step and key == "time" and not step["shown"]:
                cell += f"<br><small>{NOT_SHOWN}</small>"
            cells.append(cell)
        table.row(escape(", ".join(ADDS[rung] for rung in adds)), cells)
    if rows:
        sums = [sum(s["value"] for s in one["steps"]) if one and one["whole"] else None for one in ladders]
        table.row("sum, the whole", [shown(k, s, True) for (_, _, k), s in zip(sides, sums)], "sum")
        table.row("times the floor", [ratio(one["times_floor"] if one else None) for one in ladders])
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
                + ("" if same else f" (counted by itself: {text.exactly(counted)}, which does not agree)")
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
            span = plots.anatomy_span([a[key]["steps"] for f in same for a in f["anatomy"].values() if a[key]["steps"]])
            show = count if key == "instructions" else amount
            data = Table(f"From the door up to each rung, in {unit}", "up to", list(map(door, doors)))
            for rung, label in RUNGS.items():
                wholes = [next((s["whole"] for s in steps if s["adds"][-1] == rung), None) for steps in doors.values()]
                if wholes != [None] * len(wholes):
                    data.row(label, [show(whole) for whole in wholes])
            words = "; ".join(
                f"{plots.DOORS[name]}: "
                + ", ".join(f"{' and '.join(RUNGS[r] for r in s['adds'])} {show(s['value'], i > 0)}" for i, s in enumerate(steps))
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
            (f"{file['name']}: " * (len(files) > 1) + f"{RUNGS[rung]} by {plots.DOORS[name]}", why)
            for file in files
            for name, entry in file["anatomy"].items()
            for rung, why in entry["absent"].items()
        ]
    )
    table = anatomy_table(files)
    if not table.rows:
        return section("anatomy", "Where it goes", paragraph("No steps were measured."), absent)
    notes = [
        "Ever fuller entries were installed in the door, each doing what the one before does and one thing more. "
        "A step’s cost is the difference of two rungs; "
        f"a time that is below zero, or marked “{NOT_SHOWN}”, is within the noise of two medians."
    ]
    for file in files:
        sentences = [text.floor_sentence(file, "instructions", "instructions"), agreement(file)]
        sentences.append(text.floor_sentence(file, "time", file["unit"]).replace("The floor", "In time: the floor"))
        told = " ".join(filter(None, sentences))
        notes.append(escape((f"{file['name']}: " if len(files) > 1 and told else "") + told))
    caption = "Above int 0x80, below syscall. Pale is what stands below, dark is what the step adds, as the number says."
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
        columns += [f"out by {out}|instr.", f"out by {out}|{files[0]['unit'] if len(files) == 1 else 'time'}"]
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
    intro = "The frame behind both doors is the same, so either instruction can leave. A row’s difference is the way out, a column’s the way in."
    return section("ways", title, paragraph(intro), str(table), not_there(reasons))


# -- mitigations -----------------------------------------------------------------------------------


def mitigations(files: Files) -> str:
    title = "What a mitigation adds"
    rows = list(dict.fromkeys(row["name"] for file in files for row in file["mitigations"]))
    if not rows:
        return section("mitigations", title, paragraph("This record does not say which mitigations were in force."))
    unit = files[0]["unit"] if len(files) == 1 else "time"
    columns = [f"{group}|{side}" for group in ("instructions", unit) for side in ("off", "on", "adds")]
    table = Table("getpid without and with it", "mitigation", [*columns, ""], names(files))
    for name in rows:
        each = [next((row for row in file["mitigations"] if row["name"] == name), None) for file in files]
        doors = [d for d in plots.DOORS if any(row and d in row["doors"] for row in each)]
        for which in doors or [""]:
            cells = []
            for row in each:
                cells += mitigation_cells(row, which, which == (doors or [""])[0])
            head = escape(MITIGATIONS.get(name, name)) + (f", {door(which)}" if which else "")
            table.row(head, cells)
    note = "Each is switched on the kernel’s command line, in a boot of its own; everything else is as by default. “Adds” is what having it on costs."
    return section("mitigations", title, paragraph(note), str(table))


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
        cells += [show(one["off"]), show(one["on"]), show(one["difference"], True)] if one else ["–"] * 3
    notes = [f"{row['default']} by default"] if row["default"] and first else []
    if known["time"] and not known["time"]["shown"]:
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
        caption = "Million calls a second: of all threads, as a multiple of one thread’s, of the slowest and fastest; instructions a call"
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
        if not doors:
            figures.append(str(data))
            continue
        words = "; ".join(
            f"{plots.DOORS[name]} "
            + ", ".join(f"{rate(row['rate'])} million with {row['threads']}" for row in every if row["rate"])
            for name, every in doors.items()
        )
        figures.append(
            canvas.figure(
                f"scale-{files.index(file) + 1}",
                f"Calls a second by number of threads{of(file, files)}",
                file["name"],
                f"A line for each door beside the ideal one. {words}.",
                "Dotted is the ideal, as many times one thread. Upright lines: all threads as slow as the slowest, as fast as the fastest.",
                str(data),
                lambda size, name: plots.scale(doors, size, name),
                alone=len(files) == 1,
                opened=True,
            )
        )
    told = [paragraph(escape(note)) for note in notes if note]
    body = grid(figures) or paragraph("Many CPUs at once were not measured.")
    return section("scale", "All CPUs at once", *told, body)


def steady(file: dict, files: Files) -> str:
    """Whether instructions a call depend on the number of CPUs."""
    parts = []
    for name, rows in file["scale"].items():
        counts = {row["threads"]: row["instructions"]["value"] for row in rows if row["instructions"]}
        if len(counts) > 1:
            if len(set(counts.values())) == 1:
                parts.append(f"{count(next(iter(counts.values())))} by {plots.DOORS[name]}, on any number of CPUs")
            else:
                each = ", ".join(f"{count(value)} with {threads}" for threads, value in counts.items())
                parts.append(f"by {plots.DOORS[name]} they depend on the number of CPUs: {each}")
    lead = f"{file['name']}: instructions a call: " if len(files) > 1 else "Instructions a call: "
    return lead + "; ".join(parts) + "." if parts else ""


# -- Linux beside it -------------------------------------------------------------------------------


def peer(files: Files) -> str:
    unit = files[0]["unit"] if len(files) == 1 else "time"
    columns = [f"{group}|{side}" for group in ("instructions", unit) for side in ("ours", "Linux", "ratio")]
    alone = all(text.no_peer(file) for file in files)
    table = Table("Ours and Linux; the ratio is Linux by ours", "call", [*columns, ""], names(files))
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
            notes.append(f"{lead}{file['peer']['kernel']}: the same binary, the same machine, one run{turns}.")
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
                    cells.append(exactly(known) if side == "instructions" else amount(known and known["median"]))
                cells += [] if alone else [ratio(row[side] and row[side]["ratio"])]
            cells.append(f'<td class="word">{escape(verdict(row))}</td>')
            lost |= any(row[side] and row[side]["ahead"] == "linux" for side in ("instructions", "time"))
        head = f"{escape(key[0])}, {door(key[1])}" + ("<br><small>we lose</small>" if lost else "")
        table.row(head, cells, "lost" if lost else "")
    return section("linux", "Linux beside it", *(paragraph(escape(note)) for note in notes), str(table))


def verdict(row: dict) -> str:
    words = [text.outcome(row[key], key) for key in ("instructions", "time")]
    if row["instructions"] and row["time"] and row["instructions"]["ahead"] == row["time"]["ahead"]:
        words = [{"ours": "ours is ahead", "linux": "we lose"}.get(row["time"]["ahead"], words[1])]
    for kernel, name in (("ours", "ours"), ("linux", "Linux")):
        if row[kernel]["absent"]:
            words.append(f"{name}: {row[kernel]['absent']}")
    return "; ".join(filter(None, words))


# -- the machine, the method, what was left out ----------------------------------------------------

MACHINE = {
    "cpu": "CPU",
    "vendor": "vendor",
    "family": "family, model, stepping",
    "features": "features in force",
    "mitigations": "mitigations",
    "cpus": "CPUs",
    "hypervisor": "hypervisor",
    "host": "host",
    "kernel": "kernel",
    "build": "build",
    "git": "revision",
    "entry": "doors",
    "compiler": "compiler",
    "lab": "lab",
    "tsc_khz": "TSC",
    "tsc_invariant": "TSC’s rate",
}


def machine_cell(key: str, machine: dict) -> str:
    value = machine[key]
    if key == "family":
        return ", ".join(str(machine[part]) for part in ("family", "model", "stepping"))
    if key == "hypervisor":
        return escape(value or "none, bare metal")
    if key in ("mitigations", "host"):
        pairs = {k: v for k, v in (value or {}).items() if (key, k) != ("host", "run")}
        return escape(", ".join(f"{k} {v}" for k, v in pairs.items()) or "–")
    if key == "lab":
        return "on" if value else "off"
    if key == "tsc_khz":
        error = machine["tsc_error_ppm"]
        known = f"{value / 1e6:,.6g} GHz by {machine['tsc_source']}" if value else "unknown"
        return escape(known + ("" if error is None else f", error {count(error)} ppm"))
    if key == "tsc_invariant":
        return "invariant" if value else "not said to be invariant"
    return escape("–" if value in (None, "") else str(value))


def machine(files: Files) -> str:
    listed = [
        (f"{file['name']}, {one['kernel']}" if len(files) > 1 else one["kernel"], one)
        for file in files
        for one in file["machines"]
    ]
    table = Table("As each kernel said, in a boot with the default command line", "", [escape(head) for head, _ in listed], kind="words")
    for key, label in MACHINE.items():
        table.row(label, [f'<td class="long">{machine_cell(key, one)}</td>' for _, one in listed])
    boots = Table("The boots that the figures are from", "kernel", ["", "CPUs", "records"])
    for file in files:
        for run in file["runs"]:
            changed = ", ".join(f"{key} {value}" for key, value in run["changed"].items()) or "by default"
            words = f"{changed}; {'instructions counted' if run['icount'] else 'timed'}"
            head = f"{file['name']}, {run['kernel']}" if len(files) > 1 else run["kernel"]
            boots.row(escape(head), [f'<td class="long">{escape(words)}</td>', count(run["cpus"]), count(run["records"])])
    details = f"<details><summary>The boots that the figures are from</summary>{boots}</details>" if boots.rows else ""
    return section("machine", "The machine", str(table), details)


def method(files: Files) -> str:
    clocks = []
    for file in files:
        parts = [
            f"{row['what']} {amount(row['time']['median'])} {file['unit']}"
            for row in file["clock"]
            if row["time"]
        ]
        if parts:
            clocks.append((f"{file['name']}: " if len(files) > 1 else "") + ", ".join(parts))
    cost = f"The clock here: {'; '.join(clocks)}." if clocks else ""
    sentences = (
        "Times are of the TSC between fences, read before and after a call on a CPU to which the thread is pinned, "
        "less the cost of that bracket and of the empty loop, both measured in the same boot. "
        "Medians come with a bootstrap interval; two whose intervals overlap are “no difference shown”, and no sample is trimmed. "
        "Instructions are counted by QEMU’s -icount, where each guest instruction is one tick, so that they are the same on any host."
    )
    pointer = " More, and the ways to fool oneself: <code>docs/measuring.md</code> in Sallyport’s sources; the figures behind this page: <code>figures.json</code> beside it."
    return section("method", "The method", paragraph(escape(sentences)), paragraph(escape(cost.strip()) + pointer))


SHOWN = 50  # of a file's problems


def left_out(files: Files) -> str:
    items = []
    for file in files:
        items += [f"<li>{escape(problem)}</li>" for problem in file["left_out"][:SHOWN]]
        if len(file["left_out"]) > SHOWN:
            items.append(f"<li>{escape(file['name'])}: and {len(file['left_out']) - SHOWN} more</li>")
    if not items:
        return ""
    lead = paragraph("These lines could not be used. Everything else is drawn.")
    return section("left-out", "What was left out", lead, f"<ul>{''.join(items)}</ul>")
