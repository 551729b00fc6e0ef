"""The page's first sections: the answer, the distribution, CPU by CPU. Sections are drawn from the
figures of all files: one file reads as an article, several lie side by side, plots in a grid and
tables with a group of columns a file."""

from __future__ import annotations

from html import escape

import page_text as text
import plots
from page_table import Canvas, Files, Table, by_unit, door, grid, names, of, paragraph, section
from page_text import NBSP, amount, count, ratio, share, with_unit


def where(file: dict) -> str:
    machine = file["machines"][0]
    parts = [machine["kernel"], machine["git"] and f"git {machine['git']}", machine["cpu"]]
    parts.append(f"under {machine['hypervisor']}" if machine["hypervisor"] else "bare metal")
    return escape(", ".join(part for part in parts if part))


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
    ("median absolute deviation", "mad"),
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
            row(
                f"its 95{NBSP}% interval",
                lambda one: f"{amount(one['low'])} to {amount(one['high'])}",
            )
    row("samples", lambda one: count(one["n"]))
    row("hit by an interrupt",
        lambda one: "cannot be told" if one["ticked"] is None else count(one["ticked"]))  # fmt: skip
    row("migrated to another CPU", lambda one: count(one["migrated"]))
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
                f"{count(time['ticked'])} of {count(time['n'])} "
                f"({share(time['ticked'], time['n'])}) by {plots.DOORS[name]}"
            )
    if not parts:
        return "This kernel cannot say which samples an interrupt hit. None is left out."
    return f"Samples hit by a timer tick or another interrupt: {', '.join(parts)}. They are in all figures."


def distribution(files: Files, canvas: Canvas) -> str:
    known = [file for file in files if file["distribution"]]
    table = quantiles(files)
    if not known and not table.rows:
        return section(
            "distribution",
            "How long single calls take",
            paragraph("No single calls were recorded."),
        )
    shared = {file["unit"] for file in known} == {"ns"}
    figures = []
    for file in known:
        shape, unit = file["distribution"], file["unit"]
        span = plots.bulk([f["distribution"] for f in known] if shared else [shape])
        medians = {d: k["time"]["median"] for d, k in file["answer"]["doors"].items() if k["time"]}
        data = Table(f"Share of the calls, {unit} a call", "from", ["to", *map(door, shape)])
        bins = {
            name: {(a, b): s for a, b, s in plots.density(counts)} for name, counts in shape.items()
        }
        for low, high in sorted(set().union(*bins.values())):
            shares = [bins[name].get((low, high), 0.0) for name in shape]
            if any(shares) and low < span[1]:
                data.row(amount(low), [amount(high), *(f"{100 * s:.2f}{NBSP}%" for s in shares)])
        off = []
        for name, counts in shape.items():
            if n := plots.beyond(counts, span[1]):
                most = file["answer"]["doors"][name]["time"]["max"]
                off.append(f"{count(n)} by {door(name)}, up to {with_unit(most, unit)}")
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
    told = [
        escape((f"{file['name']}: " if len(files) > 1 else "") + ticked(file)) for file in known
    ]
    note = "Each quantile is the median of the CPUs’ own; minimum and maximum are over all CPUs. "
    note += (
        "The interval reaches from the lowest bound of any CPU to the highest. Nothing is trimmed."
    )
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
            cells = [
                amount(row[name] and row[name][key]) for name in plots.DOORS for _, key in keys
            ]
            gate, fast = row["int"], row["syscall"]
            both = gate and fast and fast["median"] > 0
            data.row(
                str(row["cpu"]), [*cells, ratio(gate["median"] / fast["median"] if both else None)]
            )
        spreads = []
        for name in plots.DOORS:
            medians = [row[name]["median"] for row in rows if row[name]]
            if medians:
                spreads.append(
                    f"{plots.DOORS[name]} from {amount(min(medians))} to {with_unit(max(medians), unit)}"
                )
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
    return section(
        "cpus", "CPU by CPU", grid(figures) or paragraph("No CPU’s calls were recorded.")
    )
